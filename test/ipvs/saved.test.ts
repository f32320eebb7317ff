// A saved table: what is written is read back as the same values and the same text, every option of ipvsadm's lines is
// known by its short and long name, and whatever is wrong is said, all of it, each with its line.

import { strict as assert } from "node:assert";
import { test } from "node:test";
import fc from "fast-check";
import { ip } from "../../src/core/address.js";
import { seconds } from "../../src/core/units.js";
import type { ListedService, ServiceKey, Tunnel } from "../../src/ipvs/model.js";
import { parseSaved, type Addition } from "../../src/ipvs/saved-parse.js";
import { hostNamesIn, type SavedNames } from "../../src/ipvs/saved-values.js";
import { savedServerLine, savedServiceLine, savedText, type SavedServer } from "../../src/ipvs/saved-text.js";
import { statisticsOf } from "../../src/ipvs/statistics.js";

const parse = (...lines: readonly string[]): ReturnType<typeof parseSaved> => parseSaved(lines.join("\n"));
const textOf = (addition: Addition): string =>
  addition.kind === "service"
    ? savedServiceLine(addition.service)
    : savedServerLine(addition.key, addition.server);

const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true });
const maybe = <K extends string, T>(
  name: K,
  values: fc.Arbitrary<T>,
): fc.Arbitrary<{ readonly [P in K]?: T }> =>
  fc.option(values).map((value) => (value === null ? {} : { [name]: value }) as { readonly [P in K]?: T });
const address = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => ip(bytes.join("."))),
  fc.integer({ min: 0, max: 0xffff }).map((n) => ip(`2001:db8::${n.toString(16)}`)),
);
const port = fc.integer({ min: 0, max: 0xffff });
const key: fc.Arbitrary<ServiceKey> = fc.oneof(
  record({
    kind: fc.constant("address" as const),
    protocol: fc.constantFrom("tcp", "udp", "sctp"),
    address,
    port,
  }),
  record({
    kind: fc.constant("fwmark" as const),
    mark: fc.integer({ min: 1, max: 0xffff_ffff }),
    family: fc.constantFrom("ipv4", "ipv6"),
  }),
);
const isV6 = (one: ServiceKey): boolean =>
  one.kind === "fwmark" ? one.family === "ipv6" : one.address.includes(":");
const service: fc.Arbitrary<ListedService> = key.chain((one) =>
  fc
    .tuple(
      fc.constantFrom("rr", "wlc", "sh", "mh", "none"),
      maybe(
        "persistence",
        record({
          timeout: fc.integer({ min: 1, max: 86_400 }).map(seconds),
          prefixLength: fc.integer({ min: 1, max: isV6(one) ? 128 : 32 }),
        }),
      ),
      maybe("engine", fc.constant("sip")),
      maybe(
        "flags",
        fc.integer({ min: 1, max: 15 }).map((bits) => bits << 2),
      ),
    )
    .map(([scheduler, persistence, engine, flags]) => ({
      ...{ key: one, scheduler, ...persistence, ...flags },
      ...(persistence.persistence === undefined ? {} : engine),
    })),
);
const tunnel: fc.Arbitrary<Tunnel> = fc.constantFrom(
  { kind: "ipip", port: 0, checksum: "none" },
  { kind: "gue", port: 6080, checksum: "none" },
  { kind: "gue", port: 1, checksum: "full" },
  { kind: "gue", port: 65_535, checksum: "remote" },
  { kind: "gre", port: 0, checksum: "none" },
  { kind: "gre", port: 0, checksum: "full" },
);
const limits = (upper: number, lower: number): Pick<SavedServer, "upper" | "lower"> => ({
  ...(upper === 0 ? {} : { upper }),
  ...(lower === 0 ? {} : { lower }),
});
const server = (of: ServiceKey): fc.Arbitrary<SavedServer> =>
  fc
    .tuple(
      address,
      port,
      fc.constantFrom("direct-routing" as const, "nat" as const, "tunnel" as const),
      fc.integer({ min: 0, max: 0x7fff_ffff }),
      fc
        .tuple(fc.integer({ min: 0, max: 0x7fff_ffff }), fc.integer({ min: 0, max: 0x7fff_ffff }))
        .map(([one, other]) => limits(Math.max(one, other), Math.min(one, other))),
      tunnel,
    )
    .map(([one, own, forwarding, weight, thresholds, wrap]) => ({
      // Only translated packets can get another port.
      ...{ address: one, port: forwarding === "nat" ? own : of.kind === "fwmark" ? 0 : of.port },
      ...{ forwarding, weight, ...thresholds },
      ...(forwarding === "tunnel" ? { tunnel: wrap } : {}),
    }));
const addition: fc.Arbitrary<Addition> = fc.oneof(
  service.map((one) => ({ kind: "service" as const, service: one })),
  key.chain((one) => server(one).map((its) => ({ kind: "server" as const, key: one, server: its }))),
);

test("what is written is read back as the same values and the same text", () => {
  fc.assert(
    fc.property(fc.array(addition, { maxLength: 8 }), (all) => {
      const lines = all.map(textOf);
      const read = parse(...lines);
      assert.deepEqual(read.problems, []);
      assert.deepEqual(
        read.lines.map((one) => one.addition),
        all,
      );
      assert.deepEqual(
        read.lines.map((one) => textOf(one.addition)),
        lines,
      );
    }),
  );
});

test("no text whatever makes the reader throw, and each line is an addition, a problem or nothing", () => {
  const word = fc.oneof(
    fc.constantFrom("-A", "-a", "-t", "-p", "-b", "-w", "--tun-type", "gue", "10.0.0.1:80", "-6", "-M", "0"),
    fc.string(),
  );
  fc.assert(
    fc.property(
      fc.array(
        fc.array(word).map((words) => words.join(" ")),
        { maxLength: 5 },
      ),
      (lines) => {
        const { lines: read, problems } = parse(...lines);
        const numbers = [...read, ...problems].map(({ line }) => line);
        assert.equal(new Set(numbers).size, numbers.length);
      },
    ),
  );
});

test("the lines that ipvsadm 1.31 wrote are read, and written as they were", () => {
  const saved = [
    "-A -t 10.0.0.1:25 -s sh -p 60 -M 255.255.255.0 -b sh-fallback,sh-port",
    "-A -t 10.0.0.1:26 -s mh -b mh-fallback,mh-port",
    "-A -t 10.0.0.1:28 -s rr -b flag-3",
    "-A -t 10.0.0.1:80 -s wlc",
    "-a -t 10.0.0.1:80 -r 10.0.0.2:8080 -m -w 7",
    "-a -t 10.0.0.1:80 -r 10.0.0.3:80 -g -w 1",
    "-a -t 10.0.0.1:80 -r 10.0.0.12:80 -i -w 1 --tun-type ipip",
    "-a -t 10.0.0.1:81 -r 10.0.0.5:81 -i -w 1 --tun-type gue --tun-port 6080 --tun-nocsum",
    "-a -t 10.0.0.1:81 -r 10.0.0.7:81 -i -w 1 --tun-type gue --tun-port 6080 --tun-remcsum",
    "-a -t 10.0.0.1:81 -r 10.0.0.8:81 -i -w 1 --tun-type gre --tun-csum",
    "-A -u 10.0.0.1:53 -s rr -o",
    "-A -u 10.0.0.1:5060 -s rr -p 30 --pe sip -o",
    "-A --sctp-service 10.0.0.1:99 -s lc",
    "-A -t 10.0.0.1:29 -s rr -p 1 -M 255.0.255.0",
    "-A -t 10.0.0.1:32 -s rr -p 1 -M 0.0.0.0",
    "-A -t [fd00::1]:80 -s rr -p 100 -M 64",
    "-a -t [fd00::1]:80 -r [fd00::2]:80 -m -w 1",
    "-A -f 7 -s wrr",
    "-a -f 7 -r 10.0.0.9:0 -g -w 1",
    "-A -f 9 -6 -s wrr -p 360",
  ];
  const read = parse("# a comment, and an empty line", "", ...saved);
  assert.deepEqual(read.problems, []);
  assert.deepEqual(
    read.lines.map(({ addition: one }) => textOf(one)),
    saved,
  );
  assert.deepEqual([read.lines[0]?.line, read.lines.at(-1)?.line], [3, 22]);
});

test("long names, values in the same word and defaults are understood as ipvsadm does", () => {
  const read = (line: string): string | undefined => {
    const [one] = parse(line).lines;
    return one === undefined ? undefined : textOf(one.addition);
  };
  assert.equal(
    read("--add-service --tcp-service=10.0.0.1:80 --persistent --netmask=255.255.0.0"),
    "-A -t 10.0.0.1:80 -s wlc -p 360 -M 255.255.0.0",
  );
  assert.equal(read("-A -t10.0.0.1:80 -p -srr"), "-A -t 10.0.0.1:80 -s rr -p 360");
  assert.equal(
    read("--add-server -t 10.0.0.1:80 --real-server 10.0.0.2 --u-threshold 9 -y3"),
    "-a -t 10.0.0.1:80 -r 10.0.0.2:80 -g -w 1 -x 9 -y 3",
  );
  // Packets that are not translated keep their port, whatever the line says.
  assert.equal(read("-a -t 10.0.0.1:80 -r 10.0.0.2:81 -g"), "-a -t 10.0.0.1:80 -r 10.0.0.2:80 -g -w 1");
  assert.equal(read("-A -t 10.0.0.1:80 -s mh -b flag-1"), "-A -t 10.0.0.1:80 -s mh -b mh-fallback");
});

test("names are read as ipvsadm -S writes them without -n, and marks that it writes as negative numbers", () => {
  const hosts: Record<string, readonly string[]> = {
    "www.example": ["10.0.0.1", "fd00::1"],
    six: ["fd00::6"],
    localhost: ["127.0.0.1"],
  };
  const names: SavedNames = {
    address: (name, family) => {
      const found = hosts[name]?.find((one) => one.includes(":") === (family === "ipv6")) ?? "";
      return found === "" ? undefined : ip(found);
    },
    port: (name, protocol) =>
      new Map([
        ["http/tcp", 80],
        ["domain/udp", 53],
      ]).get(`${name}/${protocol}`),
  };
  const written = [
    "-A -t www.example:http -s rr",
    "-a -t www.example:http -r localhost:http -m -w 1",
    "-A -u www.example:domain -s rr",
    "-A -t [www.example]:http -s rr",
    "-a -t [www.example]:http -r [six]:81 -m -w 1",
    "-A -f -1 -s rr",
    "-A -f -2147483648 -s rr",
    "-a -f -1 -r 10.0.0.2:http -m -w 1",
  ];
  const { lines, problems } = parseSaved(written.join("\n"), names);
  assert.deepEqual(problems, []);
  assert.deepEqual(
    lines.map(({ addition: one }) => textOf(one)),
    [
      "-A -t 10.0.0.1:80 -s rr",
      "-a -t 10.0.0.1:80 -r 127.0.0.1:80 -m -w 1",
      "-A -u 10.0.0.1:53 -s rr",
      "-A -t [fd00::1]:80 -s rr",
      "-a -t [fd00::1]:80 -r [fd00::6]:81 -m -w 1",
      "-A -f 4294967295 -s rr",
      "-A -f 2147483648 -s rr",
      "-a -f 4294967295 -r 10.0.0.2:80 -m -w 1",
    ],
  );
  assert.deepEqual([...hostNamesIn(written.join("\n"))].toSorted(), ["localhost", "six", "www.example"]);
  assert.deepEqual([...hostNamesIn("-A -t 10.0.0.1:80 -s rr\n-a -t [fd00::1]:80 -r10.0.0.2:80 -w 1")], []);
  assert.deepEqual([...hostNamesIn("--add-server --tcp-service=a:80 --real-server b -w 1")], ["a", "b"]);
  // What has the wrong protocol has no port.
  assert.match(parseSaved("-A -t 10.0.0.1:domain", names).problems[0]?.text ?? "", /for tcp$/);
});

test("everything that is wrong is said, with its line and what would be right", () => {
  const wrong: readonly (readonly [line: string, problem: RegExp])[] = [
    ["-D -t 10.0.0.1:80", /"-D" is no option/],
    ["-t 10.0.0.1:80", /begins with one of the two/],
    ["-A -a -t 10.0.0.1:80", /begins with one of the two/],
    ["-A", /names one service/],
    ["-A -t 10.0.0.1:80 -u 10.0.0.1:80", /names one service/],
    ["-A -t 10.0.0.1:80 -t 10.0.0.1:80", /-t stands there twice/],
    ["-A -t", /a value is missing after -t/],
    ["-A -t 10.0.0.1", /a port is missing/],
    ["-A -t 10.0.0.1:http", /"http" is neither a port from 0 to 65535 nor the name of one for tcp/],
    ["-A -t 10.0.0.1:65536", /"65536" is neither a port from 0 to 65535/],
    ["-A -t www:80", /"www" is neither an address nor the name of a host that has one/],
    ["-A -t 10.0.0.256:80", /"10.0.0.256" is not an IPv4 or IPv6 address/],
    ["-A -f -2147483649", /-f takes a whole number from 1 to 4294967295, not "-2147483649"/],
    ["-A -f 0", /-f takes a whole number from 1 to 4294967295, not "0"/],
    ["-A -t 10.0.0.1:80 -6", /-6 belongs to -f/],
    ["-A -t 10.0.0.1:80 -w 3", /-w has no meaning in a line that adds a service/],
    ["-a -t 10.0.0.1:80 -r 10.0.0.2 -s rr", /-s has no meaning in a line that adds a real server/],
    ["-A -t 10.0.0.1:80 -s R2D2", /no name of a scheduler/],
    ["-A -t 10.0.0.1:80 -p 0", /-p takes a whole number from 1 to 2678400/],
    ["-A -t 10.0.0.1:80 -M 255.255.255.0", /-M needs -p/],
    ["-A -t 10.0.0.1:80 -p -M 24", /"24" is no mask as 255.255.255.0/],
    ["-a -t 10.0.0.1:80 -r 10.0.0.2 -x 2147483648", /-x takes a whole number from 0 to 2147483647/],
    ["-a -t 10.0.0.1:80 -r 10.0.0.2 -x 5 -y 6", /-y 6 is more than -x 5, the upper threshold/],
    ["-a -t 10.0.0.1:80 -r 10.0.0.2 -y 6", /-y 6 is more than -x 0, the upper threshold/],
    ["-A -t [fd00::1]:80 -p -M 129", /-M takes a whole number from 1 to 128/],
    ["-A -t 10.0.0.1:80 --pe sip", /--pe needs -p/],
    ["-A -t 10.0.0.1:80 -s sh -b mh-port", /sh has no flag "mh-port": sh-fallback, sh-port, flag-1/],
    ["-A -t 10.0.0.1:80 -o=3", /-o takes no value/],
    ["-a -t 10.0.0.1:80", /a real server is missing: -r ADDRESS:PORT, for tcp 10\.0\.0\.1:80/],
    ["-a -t 10.0.0.1:80 -r 10.0.0.2 -g -m", /-g and -m exclude each other/],
    ["-a -t 10.0.0.1:80 -r 10.0.0.2 -w 2147483648", /-w takes a whole number from 0 to 2147483647/],
    ["-a -t 10.0.0.1:80 -r 10.0.0.2 --tun-type gre", /--tun-type needs -i/],
    ["-a -t 10.0.0.1:80 -r 10.0.0.2 --tun-csum", /--tun-csum needs -i/],
    ["-a -t 10.0.0.1:80 -r 10.0.0.2 -i --tun-type fou", /no tunnel type "fou": ipip, gue, gre/],
    ["-a -t 10.0.0.1:80 -r 10.0.0.2 -i --tun-type gue", /gue needs --tun-port/],
    ["-a -t 10.0.0.1:80 -r 10.0.0.2 -i --tun-type gre --tun-port 1", /--tun-port has no meaning/],
    ["-a -t 10.0.0.1:80 -r 10.0.0.2 -i --tun-type gre --tun-remcsum", /--tun-remcsum has no meaning/],
    ["-a -t 10.0.0.1:80 -r 10.0.0.2 -i --tun-csum", /--tun-csum has no meaning with --tun-type ipip/],
    ["-a -t 10.0.0.1:80 -r 10.0.0.2 -i --tun-type gre --tun-csum --tun-nocsum", /exclude each other/],
  ];
  const { lines, problems } = parse(...wrong.map(([line]) => line));
  assert.deepEqual(lines, []);
  assert.equal(problems.length, wrong.length);
  for (const [i, [line, problem]] of wrong.entries()) {
    assert.equal(problems[i]?.line, i + 1);
    assert.match(problems[i].text, problem, line);
  }
});

test("a listing is saved with its servers behind each service", () => {
  const none = statisticsOf(undefined);
  const service: ListedService = {
    key: { kind: "address", protocol: "tcp", address: ip("10.0.0.1"), port: 80 },
    scheduler: "wlc",
  };
  const server = { address: ip("10.0.0.2"), port: 80, weight: 1, upper: 5, active: 3 };
  assert.deepEqual(
    savedText([
      {
        service,
        statistics: none,
        servers: [
          { server: { ...server, forwarding: "nat" }, persistent: 0, statistics: none },
          {
            server: { ...server, forwarding: "tunnel" },
            tunnel: { kind: "gre", port: 0, checksum: "full" },
            persistent: 0,
            statistics: none,
          },
        ],
      },
    ]),
    [
      "-A -t 10.0.0.1:80 -s wlc",
      "-a -t 10.0.0.1:80 -r 10.0.0.2:80 -m -w 1 -x 5",
      "-a -t 10.0.0.1:80 -r 10.0.0.2:80 -i -w 1 -x 5 --tun-type gre --tun-csum",
    ],
  );
});
