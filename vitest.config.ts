import { defineConfig, type TestProjectInlineConfiguration, type ViteUserConfig } from "vitest/config";
import { TEST_TIMEOUT_MS, TIME_FACTOR } from "./test/support/patience.ts";

/** How much longer than a short one a long test may take, and wait for one thing. */
const LONG_FACTOR = 4;
/** Relays of tests are on this machine, whatever proxy it has for others. */
const NO_PROXY = [process.env["no_proxy"] ?? process.env["NO_PROXY"], "localhost", "127.0.0.1", "::1"]
  .filter(Boolean)
  .join();
/**
 * What leaves nothing to others: networks of namespaces, ten side by side, each with its own programs, and a machine that is busy on purpose; and
 * tests of how soon clients are back, which is what others leave to them.
 */
const LAB = "test/{network/reach/**/*,network/standstill,integration/{client-kill,hyperswarm-endings}}.long.test.ts";
const FIXED_SEED = ["test/support/fixed-seed.setup.ts"];

/** Which files a kind of test is in, and how much longer than usual it may take. */
type Kind = {
  readonly include: string;
  readonly exclude?: string;
  readonly factor: number;
  readonly setupFiles?: readonly string[];
  /** Behind all others, one file after the other. */
  readonly alone?: boolean;
};

const config: ViteUserConfig = defineConfig({
  test: {
    // Most tests wait for sockets and timers; by default a machine of two cores would run them one file at a time.
    maxWorkers: 3,
    // A process for each file costs a fifth of all. What a file changes it puts back: it may come before any other.
    isolate: false,
    restoreMocks: true,
    projects: [
      project("short", {
        include: "test/**/*.test.ts",
        exclude: "**/*.{long,soak}.test.ts",
        factor: 1,
        setupFiles: FIXED_SEED,
      }),
      project("long", {
        include: "test/**/*.long.test.ts",
        exclude: LAB,
        factor: LONG_FACTOR,
        setupFiles: FIXED_SEED,
      }),
      project("lab", { include: LAB, factor: LONG_FACTOR, alone: true }),
      project("soak", { include: "test/**/*.soak.test.ts", factor: LONG_FACTOR }),
    ],
    coverage: {
      provider: "v8",
      include: ["protocol/**/*.ts", "client/**/*.ts", "relay/**/*.ts"],
      // Both are run by tests as processes of their own, which the coverage of this one does not see.
      exclude: ["relay/main.ts", "client/cli/main.ts"],
      reporter: ["text-summary", "json-summary"],
      thresholds: {
        lines: 90,
        "protocol/**": { lines: 100 },
        "relay/hub/**": { lines: 100 },
        "client/delivery/**": { lines: 95 },
      },
    },
  },
});

export default config;

function project(
  name: string,
  { include, exclude, factor, setupFiles = [], alone = false }: Kind,
): TestProjectInlineConfiguration {
  return {
    extends: true,
    test: {
      name,
      ...(alone ? { sequence: { groupOrder: 1 }, maxWorkers: 1 } : {}),
      include: [include],
      exclude: ["**/node_modules/**", ...(exclude === undefined ? [] : [exclude])],
      setupFiles: [...setupFiles],
      globalSetup: "test/support/shared-certificate.setup.ts",
      testTimeout: TEST_TIMEOUT_MS * factor,
      hookTimeout: TEST_TIMEOUT_MS * factor,
      // What tests wait for follows: see test/support/patience.ts.
      env: { TEST_TIME_FACTOR: `${TIME_FACTOR * factor}`, no_proxy: NO_PROXY },
    },
  };
}
