// What checks reach the world with on this machine: the same for the daemon's process of checks and for one run by hand.

import type { Socket } from "node:net";

import type { CheckMeans } from "../checkers/checker.js";
import { udpDatagrams } from "../linux/datagram.js";
import { tcpDialer } from "../linux/dial.js";
import { Pings } from "../linux/echo.js";
import { readSecretFile } from "../linux/secret-file.js";
import { trackFiles } from "../linux/track-files.js";
import type { Dialer } from "../ports/dialer.js";
import type { Runner } from "../ports/runner.js";

export const meansWith = (runner: Runner): CheckMeans => ({
  dialer: tcpDialer satisfies Dialer<Socket>,
  datagrams: udpDatagrams,
  echo: new Pings(),
  files: trackFiles,
  runner,
  readSecret: readSecretFile,
  wallTime: () => Date.now(),
});
