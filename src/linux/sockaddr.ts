// Builds the kernel's socket addresses (struct sockaddr_*) in memory order. Pure: bytes out, no sockets.

import { familyOf, ipBytes, type IpAddress, type MacAddress, macBytes } from "../core/address.js";
import { Writer } from "../core/bytes.js";
import { AF } from "./constants.js";

/** sizeof(sun_path). <linux/un.h> */
const UNIX_PATH_MOST = 108;

/** struct sockaddr_in or sockaddr_in6, by the family of the address. `scope` is an interface index (IPv6 link-local). */
export function sockaddrIp(address: IpAddress, port: number, scope = 0): Uint8Array {
  if (familyOf(address) === "ipv4")
    return new Writer(16).u16ne(AF.INET).u16be(port).raw(ipBytes(address)).zeros(8).finish();
  return new Writer(28).u16ne(AF.INET6).u16be(port).u32be(0).raw(ipBytes(address)).u32ne(scope).finish();
}

/** struct sockaddr_ll. `protocol` is an EtherType; 0 receives nothing. Without `mac` it names the interface alone. */
export function sockaddrLl(ifindex: number, protocol: number, mac?: MacAddress): Uint8Array {
  const address = mac === undefined ? new Uint8Array(6) : macBytes(mac);
  const writer = new Writer(20).u16ne(AF.PACKET).u16be(protocol).u32ne(ifindex);
  // Hardware and packet type are filled in by the kernel.
  return writer.u16ne(0).u8(0).u8(address.length).raw(address).zeros(2).finish();
}

/** struct sockaddr_nl. Port 0 lets the kernel choose; `groups` is a bit mask of the first 32 groups. */
export const sockaddrNl = (port = 0, groups = 0): Uint8Array =>
  new Writer(12).u16ne(AF.NETLINK).u16ne(0).u32ne(port).u32ne(groups).finish();

/** struct sockaddr_un; a leading "@" means the abstract namespace, as in systemd's NOTIFY_SOCKET. Undefined: too long. */
export function sockaddrUn(path: string): Uint8Array | undefined {
  const bytes = new TextEncoder().encode(path);
  const abstract = path.startsWith("@");
  // A path name needs its terminating NUL; an abstract name is counted and has none.
  if (bytes.length === 0 || bytes.length > (abstract ? UNIX_PATH_MOST : UNIX_PATH_MOST - 1)) return undefined;
  if (abstract) bytes[0] = 0;
  const writer = new Writer(bytes.length + 3).u16ne(AF.UNIX).raw(bytes);
  return abstract ? writer.finish() : writer.u8(0).finish();
}
