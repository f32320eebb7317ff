// Adds the lines of a saved table to the kernel's, each for itself, and says why it refused one.

import { err, ok, type Result } from "../core/result.js";
import { serverId, serviceId } from "../ipvs/model.js";
import { additionRequest } from "../ipvs/saved-orders.js";
import type { Addition } from "../ipvs/saved-parse.js";
import type { Acknowledgement } from "../netlink/message.js";
import { errno as errnos } from "./errno.js";
import { openFamily } from "./ipvs-family.js";
import { missingPart } from "./ipvs-parts.js";
import { describeErrno } from "./netlink-socket.js";

/** For each addition null, or why it was refused; an error when the kernel cannot be asked at all. */
export function addToKernel(additions: readonly Addition[]): Result<readonly (string | null)[], string> {
  const opened = openFamily();
  if (!opened.ok) return opened;
  const { socket, family } = opened.value;
  try {
    const answers = socket.transact(additions.map((addition) => additionRequest(family, addition)));
    return ok(additions.map((addition, i) => refusal(addition, answers[i] as Acknowledgement)));
  } catch (error) {
    return err((error as Error).message);
  } finally {
    socket.close();
  }
}

function refusal(addition: Addition, answer: Acknowledgement): string | null {
  if (answer.errno === 0) return null;
  const isService = addition.kind === "service";
  const service = serviceId(isService ? addition.service.key : addition.key);
  const subject = isService ? `service ${service}` : `server ${serverId(addition.server)} of ${service}`;
  return `${subject}: ${reason(addition, answer)}`;
}

function reason(addition: Addition, answer: Acknowledgement): string {
  switch (answer.errno) {
    case errnos.EEXIST:
      return "it is in the kernel already";
    case errnos.ESRCH:
      return "there is no such service: a line with -A comes before";
    case errnos.ENOENT:
      return addition.kind === "service" ? missingPart(addition.service) : describeErrno(answer);
    case errnos.EPERM:
      return `${describeErrno(answer)}: CAP_NET_ADMIN is needed`;
    case errnos.EINVAL:
      return addition.kind === "server"
        ? `${describeErrno(answer)}: the kernel takes unicast addresses only, and needs the loopback interface up`
        : describeErrno(answer);
    default:
      return describeErrno(answer);
  }
}
