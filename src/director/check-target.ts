// The real server of a configuration, as checkers see it.

import type { CheckTarget } from "../checkers/checker.js";
import type { ServerConfig, ServiceConfig } from "../config/model.js";

export function targetOf(
  { name, service }: Pick<ServiceConfig, "name" | "service">,
  { server }: Pick<ServerConfig, "server">,
): CheckTarget {
  const { key } = service;
  return {
    service: name,
    virtual: key.kind === "fwmark" ? { kind: "fwmark", mark: key.mark } : key,
    address: server.address,
    port: server.port,
  };
}
