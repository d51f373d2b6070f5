import { defineConfig, type ViteUserConfig } from "vitest/config";

const config: ViteUserConfig = defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // On a busy machine everything takes longer, and nothing is lost by waiting for it.
    testTimeout: 120_000,
    hookTimeout: 60_000,
    // Most tests wait for sockets and timers; by default a machine of two cores would run them one file at a time.
    maxWorkers: 3,
    coverage: {
      provider: "v8",
      include: ["protocol/**/*.ts", "relay/**/*.ts"],
      // main.ts is run by tests as a process of its own, which the coverage of this one does not see.
      exclude: ["relay/main.ts"],
      reporter: ["text-summary", "json-summary"],
      thresholds: {
        lines: 90,
        "protocol/**": { lines: 100 },
        "relay/hub/**": { lines: 100 },
      },
    },
  },
});

export default config;
