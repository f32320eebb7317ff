// Quorum, sorry servers and the rest of a service's policy: what is read, and what is wrong with it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { seconds } from "../../src/core/units.js";
import { diffConfig } from "../../src/config/change.js";
import { codes, check, good, PAIR, WEB } from "./load.js";

const SERVERS = "servers: [{ address: 192.168.1.4, weight: 2 }, 192.168.1.5]";
const web = (more: string, servers = SERVERS): string =>
  `${PAIR}${WEB}services:\n  http: { address: "192.168.1.1:80", forwarding: nat, check: tcp, ${servers}${more === "" ? "" : `, ${more}`} }\n`;
const fix = (text: string): string => check(text).diagnostics[0]?.hint ?? "";
const messages = (text: string): string[] => check(text).diagnostics.map(({ message }) => message);

test("a service that says nothing of its policy has none, and all of it can be written", () => {
  assert.equal(good(web("")).services[0]?.policy, undefined);
  assert.deepEqual(good(web("")).ipvs.massFailure, { share: 50, within: seconds(60), atLeast: 4, keep: 50 });
  const all =
    'quorum: 2, hysteresis: 1, sorry-server: "192.168.1.9:8080", sorry-server-inhibit: true, ' +
    "inhibit-on-failure: true, before-first-check: wait, check-when: master, mass-failure: hold, weight-hysteresis: 10, down-on-stop: true";
  const [service] = good(web(all)).services;
  assert.deepEqual(service?.policy, {
    quorum: 2,
    hysteresis: 1,
    sorry: [{ address: "192.168.1.9", port: 8080, forwarding: "nat", weight: 1 }],
    inhibitSorry: true,
    beforeFirstCheck: "wait",
    massFailure: "hold",
    weightHysteresis: 10,
    checkWhen: "master",
    downOnStop: true,
  });
  assert.deepEqual(
    service.servers.map(({ inhibit }) => inhibit),
    [true, true],
  );
});

test("a server says for itself whether it is inhibited, and defaults hold for all services", () => {
  const [service] = good(
    web("", "servers: [{ address: 192.168.1.4, inhibit-on-failure: false }, 192.168.1.5]") +
      "defaults: { service: { inhibit-on-failure: true, before-first-check: serve, mass-failure: go-on, weight-hysteresis: 0 } }\n",
  ).services;
  assert.deepEqual(
    service?.servers.map(({ inhibit }) => inhibit),
    [undefined, true],
  );
  assert.equal(service.policy?.beforeFirstCheck, "serve");
  assert.equal(service.policy.massFailure, "go-on");
  assert.equal(service.policy.weightHysteresis, 0);
});

test("sorry servers are an address, a mapping or a list, each with its own forwarding", () => {
  const sorry = (text: string): unknown => good(web(`sorry-server: ${text}`)).services[0]?.policy?.sorry;
  const one = { address: "192.168.1.9", port: 80, forwarding: "nat", weight: 1 };
  assert.deepEqual(sorry("192.168.1.9"), [one]);
  assert.deepEqual(sorry("{ address: 192.168.1.9, forwarding: tunnel, weight: 5 }"), [
    { ...one, forwarding: "tunnel", weight: 5 },
  ]);
  assert.deepEqual(sorry("[192.168.1.9, { address: 192.168.1.8, port: 81 }]"), [
    one,
    { ...one, address: "192.168.1.8", port: 81 },
  ]);
});

test("a quorum that can never be reached, lost, or had back is a mistake", () => {
  assert.deepEqual(codes(web("quorum: 3")), []);
  assert.deepEqual(codes(web("quorum: 4")), ["quorum-too-large"]);
  assert.deepEqual(codes(web("quorum: 2, hysteresis: 2")), ["hysteresis"]);
  assert.deepEqual(codes(web("quorum: 3, hysteresis: 1")), ["hysteresis"]);
  assert.match(fix(web("hysteresis: 1")), /Leave it out, or choose a greater quorum/);
  assert.match(fix(web("quorum: 2, hysteresis: 2")), /Write 1 or less/);
  assert.deepEqual(codes(web("quorum: 0")), ["value"]);
  assert.deepEqual(codes(web("quorum: many")), ["value"]);
  assert.deepEqual(codes(web("hysteresis: -1")), ["value"]);
  assert.match(
    messages(web("quorum: 4"))[0] ?? "",
    /4 can never be reached: the weights of all its servers make 3/,
  );
});

test("a sorry server is one that the kernel can send to, and not one of the servers", () => {
  const direct = web('sorry-server: "192.168.1.9:8080"').replace(
    "forwarding: nat",
    "forwarding: direct-routing",
  );
  assert.deepEqual(codes(direct), ["port-mapping"]);
  assert.deepEqual(codes(web("sorry-server: { address: 192.168.1.9, port: 81, forwarding: tunnel }")), [
    "port-mapping",
  ]);
  assert.deepEqual(codes(web("sorry-server: 192.168.1.4")), ["sorry-is-server"]);
  assert.deepEqual(codes(web("sorry-server: [192.168.1.9, 192.168.1.9]")), ["server-twice"]);
  assert.deepEqual(codes(web("sorry-server: 192.168.1.1")), ["server-is-virtual"]);
  assert.deepEqual(codes(web('sorry-server: "fd00::9"')), ["mixed-families"]);
  assert.deepEqual(codes(web("sorry-server: []")), ["value"]);
  assert.deepEqual(codes(web("sorry-server: { address: 192.168.1.9, weight: 0 }")), ["sorry-weightless"]);
  assert.deepEqual(codes(web("sorry-server: [192.168.1.8, { address: 192.168.1.9, weight: 0 }]")), []);
  assert.deepEqual(codes(web("sorry-server-inhibit: true")), ["misplaced"]);
  assert.deepEqual(codes(web("sorry-server: 192.168.1.9").replace("check: tcp", "check: none")), [
    "sorry-unused",
  ]);
});

test("checks on the master alone need an address that says who is master", () => {
  assert.deepEqual(codes(web("check-when: master")), []);
  assert.deepEqual(
    codes(
      web("check-when: master")
        .replace('address: "192.168.1.1:80"', "fwmark: 7")
        .replace("check: tcp", "check: none"),
    ),
    ["check-when"],
  );
  const elsewhere = web("check-when: master").replace("192.168.1.1:80", "192.168.1.77:80");
  assert.deepEqual(codes(elsewhere), ["not-virtual", "check-when"]);
});

test("wrong words and numbers of the policy are refused", () => {
  for (const wrong of [
    "before-first-check: maybe",
    "check-when: backup",
    "mass-failure: panic",
    "down-on-stop: 1",
    "inhibit-on-failure: perhaps",
  ])
    assert.deepEqual(codes(web(wrong)), ["value"], wrong);
  for (const wrong of ["share: 0", "share: 101", "within: 10ms", "at-least: 0", "keep: 0"])
    assert.deepEqual(codes(`${web("")}ipvs: { mass-failure: { ${wrong} } }\n`), ["value"], wrong);
});

test("a reload says what it changes of a policy, in the words of the file", () => {
  const change = (before: string, after: string): string[] => diffConfig(good(web(before)), good(web(after)));
  assert.deepEqual(change("", "quorum: 2, hysteresis: 1"), [
    "service http: quorum 1 -> 2, hysteresis 0 -> 1",
  ]);
  assert.deepEqual(
    change("sorry-server: 192.168.1.9", "sorry-server: 192.168.1.9, sorry-server-inhibit: true"),
    ["service http: sorry-server-inhibit false -> true"],
  );
  assert.deepEqual(change("", "sorry-server: 192.168.1.9, mass-failure: hold"), [
    "service http: sorry-server none -> 192.168.1.9:80 nat weight 1, mass-failure none -> hold",
  ]);
  assert.deepEqual(change("", "inhibit-on-failure: true"), [
    "service http: server 192.168.1.4:80: inhibit-on-failure false -> true",
    "service http: server 192.168.1.5:80: inhibit-on-failure false -> true",
  ]);
});
