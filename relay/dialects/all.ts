import { RelayError } from "../relay-error.ts";
import type { Dialect } from "../session/ports.ts";
import { AgentDialect, type AgentDialectParts } from "./agent/agent-dialect.ts";
import { MeshDialect, type MeshDialectParts } from "./mesh/mesh-dialect.ts";
import { PairDialect, type PairDialectParts } from "./pair/pair-dialect.ts";
import { RawDialect } from "./raw/raw-dialect.ts";
import { TopicDialect, type TopicDialectParts } from "./topic/topic-dialect.ts";

/** What the dialects are made with. */
export type DialectParts = TopicDialectParts & PairDialectParts & AgentDialectParts & MeshDialectParts;

type Create = (parts: DialectParts) => Dialect;

/** Every dialect there is, in the order in which they are asked whose a request is. A new one is a line here. */
const registry: Readonly<Record<string, Create>> = {
  topic: (parts) => new TopicDialect(parts),
  raw: (parts) => new RawDialect(parts),
  // Before pair, which has the same addresses: whoever says nothing may be a waiting half.
  mesh: (parts) => new MeshDialect(parts),
  pair: (parts) => new PairDialect(parts),
  agent: (parts) => new AgentDialect(parts),
};

/**
 * Makes the dialects of these names, in the order of the registry.
 * @throws RelayError CONFIG_INVALID where one is none of them.
 */
export function createDialects(parts: DialectParts, names: readonly string[]): readonly Dialect[] {
  checkDialects(names);
  return Object.entries(registry)
    .filter(([name]) => names.includes(name))
    .map(([, create]) => create(parts));
}

/** @throws RelayError CONFIG_INVALID where one of these names is no dialect's. */
export function checkDialects(names: readonly string[]): void {
  const unknown = names.filter((name) => !Object.hasOwn(registry, name));
  if (unknown.length === 0) return;
  const known = Object.keys(registry).join(", ");
  throw new RelayError("CONFIG_INVALID", `DIALECTS or LISTEN names ${unknown.join(", ")}; there are ${known}`);
}
