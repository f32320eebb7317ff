// What each request of the control socket does.

import { askerName } from "../../control/asker.js";
import type { EventRecord } from "../../control/event.js";
import type { Request } from "../../control/protocol.js";
import type { Supervisor } from "./supervisor.js";
import type { ReloadOutcome } from "./reloads.js";
import type { StopOrder } from "./stopping.js";
import type { UpgradeOutcome } from "./upgrade.js";
import type { Handler } from "./control-server.js";

export type RequestPorts = {
  readonly supervisor: Supervisor;
  readonly reload: () => Promise<ReloadOutcome>;
  readonly upgrade: () => Promise<UpgradeOutcome>;
  readonly stop: (why: string, order: StopOrder) => Promise<void>;
};

export const answerRequests =
  ({ supervisor, reload, upgrade, stop }: RequestPorts): Handler =>
  async (request, client) => {
    switch (request.request) {
      case "status":
        client.reply({ reply: "status", status: await supervisor.status() });
        break;
      case "events": {
        const tell = (records: readonly EventRecord[]): void => {
          for (const record of records) client.reply({ reply: "event", record });
        };
        tell(supervisor.events.last(request.last));
        if (request.follow) {
          client.onGone(supervisor.events.listen(tell));
          return;
        }
        break;
      }
      case "order":
        client.reply({
          reply: "ordered",
          ...(await supervisor.order({ ...request, by: askerName(client.peer, request.by) })),
        });
        break;
      case "orders":
        client.reply({ reply: "orders", servers: await supervisor.ordered() });
        break;
      case "reload":
        client.reply({ reply: "reloaded", ...(await reload()) });
        break;
      case "upgrade":
        client.reply({ reply: "upgraded", ...(await upgrade()) });
        break;
      case "stop":
        client.reply({ reply: "stopping", pid: process.pid });
        // The connection stays open until the process has ended: so the client knows.
        void stop(request.addresses === "keep" ? "vipd stop --keep-vip" : "vipd stop", orderOf(request));
        return;
    }
    client.reply({ reply: "end" });
  };

const orderOf = ({ table, addresses }: Extract<Request, { request: "stop" }>): StopOrder => ({
  ...(table && { table }),
  ...(addresses && { addresses }),
});
