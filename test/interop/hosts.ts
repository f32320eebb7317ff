// Two routers and a third host that sees what they send, on one link.

import type { Host } from "../lab/host.js";
import { Lab } from "../lab/lab.js";

export type Hosts = { readonly lab: Lab; readonly us: Host; readonly them: Host; readonly observer: Host };

export async function withHosts(run: (hosts: Hosts) => Promise<void>): Promise<void> {
  const lab = new Lab();
  try {
    const [us, them, observer] = lab.hosts("us", "them", "o");
    const bridge = lab.bridge("br");
    lab.plug(bridge, [
      { host: us, interface: "eth0", addresses: ["10.98.0.2/24"] },
      { host: them, interface: "eth0", addresses: ["10.98.0.3/24"] },
      { host: observer, interface: "eth0", addresses: ["10.98.0.9/24"] },
    ]);
    await run({ lab, us, them, observer });
  } finally {
    lab.close();
  }
}
