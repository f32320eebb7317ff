// The names that a file gives to things, and values that may differ from node to node.

import { z } from "zod";

import { interfaceName, text } from "./values.js";

export const nodeName = () =>
  text({
    max: 64,
    pattern: /^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$/,
    what: "A host name",
    rule: "has letters, digits, dots, hyphens and underscores, and begins and ends with a letter or digit",
  });

/** Names of instances, services and the like: they appear in log lines and commands, so no spaces. */
export const entryName = () =>
  text({
    max: 64,
    pattern: /^[A-Za-z0-9]([A-Za-z0-9._:-]*[A-Za-z0-9])?$/,
    what: "A name",
    rule: "has letters, digits, dots, colons, hyphens and underscores, and begins and ends with a letter or digit",
  });

/** One interface for all nodes, or one for each (per-node.ts). */
export const interfacePerNode = () => z.union([interfaceName(), z.record(nodeName(), interfaceName())]);
