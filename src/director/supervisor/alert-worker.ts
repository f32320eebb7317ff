// The program that sends one message of alerts: gets it as a line, answers with a line, and ends. TLS, name servers and
// mail servers that hang are its affair alone.

import { createInterface } from "node:readline";
import { deliver, type Delivered, type DeliveryRequest } from "../alerts/deliver.js";

async function answer(line: string): Promise<Delivered> {
  try {
    return await deliver(JSON.parse(line) as DeliveryRequest);
  } catch (error) {
    return { ok: false, error: (error as Error).message };
  }
}

process.title = "vipd: alerts";
createInterface({ input: process.stdin }).once("line", (line) => {
  void answer(line).then((delivered) => {
    // A server may keep its connection open for long.
    process.stdout.write(`${JSON.stringify(delivered)}\n`, () => process.exit());
  });
});
