/** What a value may be: text, a whole number, true or false, one of these words, a list of the like, or a table of these. */
type Shape =
  | "text"
  | "whole"
  | "truth"
  | { readonly words: readonly string[] }
  | { readonly list: Shape }
  | { readonly texts: true }
  | { readonly table: Readonly<Record<string, Shape>> };

const FLY_CHECK: Shape = {
  table: { grace_period: "text", interval: "text", timeout: "text", method: "text", path: "text", protocol: "text" },
};

/** Of fly.toml, what our file may use: by the schema that schemastore.org publishes as fly.json. */
export const FLY: Shape = {
  table: {
    app: "text",
    primary_region: "text",
    kill_signal: { words: ["SIGINT", "SIGTERM", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGKILL", "SIGSTOP"] },
    kill_timeout: "text",
    build: { table: { dockerfile: "text", image: "text", ignorefile: "text", args: { texts: true } } },
    deploy: {
      table: {
        strategy: { words: ["canary", "rolling", "bluegreen", "immediate"] },
        release_command: "text",
        max_unavailable: "whole",
      },
    },
    env: { texts: true },
    http_service: {
      table: {
        internal_port: "whole",
        force_https: "truth",
        auto_stop_machines: "truth",
        auto_start_machines: "truth",
        min_machines_running: "whole",
        concurrency: {
          table: { type: { words: ["connections", "requests"] }, soft_limit: "whole", hard_limit: "whole" },
        },
        checks: { list: FLY_CHECK },
      },
    },
    vm: {
      list: {
        table: {
          size: { words: ["shared-cpu-1x", "shared-cpu-2x", "shared-cpu-4x", "shared-cpu-8x"] },
          memory: "text",
          cpus: "whole",
        },
      },
    },
  },
};

/** Of an app's spec, what our file may use: by DigitalOcean's own OpenAPI documents. */
export const APP_PLATFORM: Shape = {
  table: {
    name: "text",
    region: "text",
    services: {
      list: {
        table: {
          name: "text",
          image: {
            table: { registry_type: { words: ["DOCKER_HUB", "DOCR", "GHCR"] }, repository: "text", tag: "text" },
          },
          instance_count: "whole",
          instance_size_slug: "text",
          http_port: "whole",
          envs: { list: { table: { key: "text", value: "text", scope: "text", type: "text" } } },
          health_check: {
            table: {
              http_path: "text",
              initial_delay_seconds: "whole",
              period_seconds: "whole",
              timeout_seconds: "whole",
              success_threshold: "whole",
              failure_threshold: "whole",
            },
          },
          termination: { table: { drain_seconds: "whole", grace_period_seconds: "whole" } },
        },
      },
    },
  },
};

/** What of a value is not of the shape, each with its place. */
export function misfits(value: unknown, shape: Shape, at = "file"): readonly string[] {
  if (shape === "text") return typeof value === "string" ? [] : [`${at} is no text`];
  if (shape === "whole") return Number.isInteger(value) ? [] : [`${at} is no whole number`];
  if (shape === "truth") return typeof value === "boolean" ? [] : [`${at} is neither true nor false`];
  if ("words" in shape) return shape.words.some((word) => word === value) ? [] : [`${at} is ${String(value)}`];
  if ("list" in shape) {
    if (!Array.isArray(value)) return [`${at} is no list`];
    return value.flatMap((item, index) => misfits(item, shape.list, `${at}[${index}]`));
  }
  if (typeof value !== "object" || value === null) return [`${at} is no table`];
  return Object.entries(value).flatMap(([key, item]) => {
    const known = "texts" in shape ? "text" : shape.table[key];
    return known === undefined ? [`${at} has no ${key}`] : misfits(item, known, `${at}.${key}`);
  });
}
