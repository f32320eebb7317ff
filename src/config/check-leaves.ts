// Whether the packets of a check can leave for where they go: source and destination of one family, and a link for an
// address that is of one link alone. What exists on this machine is not looked at: it may come later.

import { familyOf, isLinkLocal, type IpAddress } from "../core/address.js";
import type { CheckerSpec } from "./checker-spec.js";
import type { Path } from "./diagnostic.js";
import type { CheckConfig } from "./model.js";
import { keysAt } from "./problems.js";
import type { Report } from "./report.js";

/** Reports checks of the server at `address` that cannot leave, of several by the same check the first one. */
export type LeaveReader = (checks: readonly CheckConfig[], address: IpAddress, path: Path) => void;

type Leaving = {
  readonly address?: IpAddress | undefined;
  readonly source?: IpAddress | undefined;
  readonly interface?: string | undefined;
};

export function leaveReader(checkers: readonly CheckerSpec[], report: Report): LeaveReader {
  const leave = new Set(
    checkers.filter(({ options }) => keysAt(options, []).includes("interface")).map(({ name }) => name),
  );
  const told = new Set<string>();
  const tell = (type: string, path: Path, code: string, message: string, hint: string): void => {
    const key = [type, code, ...path].join("\n");
    if (told.has(key)) return;
    told.add(key);
    report.error(path, code, message, hint);
  };
  return (checks, server, path) => {
    for (const { type, options } of checks) {
      if (!leave.has(type)) continue;
      const { address = server, source, interface: device } = options as Leaving;
      if (source !== undefined && familyOf(source) !== familyOf(address))
        tell(
          type,
          path,
          "check-family",
          `the ${type} check is to go from ${source} to ${address}, which is of the other family`,
          "Write a `source` of the family of the servers, or leave it out.",
        );
      if (device === undefined && isLinkLocal(address))
        tell(
          type,
          path,
          "check-link",
          `${address} is an address of one link, and the ${type} check does not say of which`,
          `Write the interface: { ${type}: { interface: eth0 } }.`,
        );
    }
  };
}
