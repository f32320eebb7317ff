// The rules that keep the house style: strict types everywhere, and no clock, chance or I/O in the pure folders.
import tseslint from "typescript-eslint";

const PURE = [
  "src/core/**",
  "src/vrrp/**",
  "src/netlink/**",
  "src/ipvs/**",
  "src/config/**",
  "src/services/**",
  "src/control/**",
  "src/ports/**",
];

export default tseslint.config(
  {
    ignores: [
      "build/**",
      "node_modules/**",
      "prebuilds/**",
      "native/**",
      "eslint.config.mjs",
      ".dependency-cruiser.cjs",
      "tools/**/*.{mjs,cjs}",
      "bin/**",
    ],
  },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/no-floating-promises": [
        "error",
        {
          allowForKnownSafeCalls: [
            {
              from: "package",
              name: ["test", "describe", "it", "before", "after", "suite"],
              package: "node:test",
            },
          ],
        },
      ],
      // Go and C programs port badly here: `a & b >> c` shifts first.
      "no-mixed-operators": [
        "error",
        { groups: [["&", "|", "^", "<<", ">>", ">>>"]], allowSamePrecedence: true },
      ],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // Ordinary in the codecs, where an index was just checked; the compiler's noUncheckedIndexedAccess stays on.
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/no-confusing-void-expression": "off",
    },
  },
  {
    files: PURE,
    rules: {
      "no-restricted-globals": ["error", { name: "Date", message: "Time comes in as `now`." }],
      "no-restricted-syntax": [
        "error",
        {
          selector: "MemberExpression[object.name='Math'][property.name='random']",
          message: "Chance comes in as a Random.",
        },
        { selector: "AwaitExpression", message: "Pure folders do not wait." },
        {
          selector: "FunctionDeclaration[async=true], ArrowFunctionExpression[async=true]",
          message: "Pure folders do not wait.",
        },
        {
          selector: "Program > VariableDeclaration[kind='let']",
          message: "No state of a module: it belongs into a value.",
        },
      ],
    },
  },
);
