// A real server as the decisions see it, about which nothing is known but that it is up.

import { ip } from "../../src/core/address.js";
import type { RealServer } from "../../src/ipvs/model.js";
import type { ServerView } from "../../src/services/server-input.js";

export const realServer = (last: number, weight = 1): RealServer => ({
  address: ip(`192.168.1.${last}`),
  port: 80,
  forwarding: "nat",
  weight,
});

export const viewOf = (server: RealServer, more: Partial<ServerView> = {}): ServerView => ({
  server,
  inhibit: false,
  waits: false,
  health: "up",
  failedAt: undefined,
  override: undefined,
  load: undefined,
  ramp: undefined,
  ...more,
});
