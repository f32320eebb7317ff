// Who may import whom (docs/architecture.md). tools/check.mjs makes sure that modules were really looked at.
const only = (name, from, allowed) => ({
  name,
  severity: "error",
  from: { path: `^src/${from}/` },
  to: { path: "^src/", pathNot: `^src/(${[from, ...allowed].join("|")})/` },
});

module.exports = {
  forbidden: [
    {
      name: "no-circles",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    only("core-imports-nothing", "core", []),
    only("netlink-knows-core", "netlink", ["core"]),
    only("ipvs-knows-netlink", "ipvs", ["core", "netlink"]),
    only("vrrp-knows-core", "vrrp", ["core"]),
    only("config-knows-models", "config", ["core", "vrrp", "ipvs"]),
    only("services-know-models", "services", ["core", "ipvs", "config"]),
    only("control-knows-models", "control", ["core", "vrrp", "ipvs", "config", "services"]),
    only("ports-know-models", "ports", ["core", "vrrp", "ipvs", "netlink", "config", "control"]),
    only("checkers-know-ports", "checkers", ["core", "ports", "config"]),
    only("linux-implements-ports", "linux", [
      "core",
      "ports",
      "netlink",
      "ipvs",
      "vrrp",
      "config",
      "control",
    ]),
    {
      name: "heavy-packages-have-one-place",
      comment:
        "Types of them are free; test/checkers/lean.test.ts shows that the small processes load none of them.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/(config|log)/" },
      to: { path: "node_modules/(zod|js-yaml|winston)", dependencyTypesNot: ["type-only"] },
    },
    {
      name: "mail-has-one-place",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/director/alerts/deliver" },
      to: { path: "node_modules/nodemailer" },
    },
    {
      name: "schedules-have-one-place",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/linux/cron" },
      to: { path: "node_modules/node-cron" },
    },
    {
      name: "only-the-supervisor-logs",
      severity: "error",
      from: { pathNot: "^(src/(log|director/supervisor|cli|main)|test|bench|demo)" },
      to: { path: "^src/log/" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.test.json" },
    enhancedResolveOptions: { extensions: [".ts", ".js", ".mjs"] },
  },
};
