import { RelayError } from "../relay-error.ts";
import type { Dialect } from "../session/ports.ts";
import { AgentDialect, type AgentDialectParts } from "./agent/agent-dialect.ts";
import { MailboxDialect, type MailboxDialectParts } from "./mailbox/mailbox-dialect.ts";
import { MeshDialect, type MeshDialectParts } from "./mesh/mesh-dialect.ts";
import { PairDialect, type PairDialectParts } from "./pair/pair-dialect.ts";
import { RawDialect } from "./raw/raw-dialect.ts";
import { TopicDialect, type TopicDialectParts } from "./topic/topic-dialect.ts";

/** What the dialects are made with. */
export type DialectParts = TopicDialectParts &
  PairDialectParts &
  AgentDialectParts &
  MeshDialectParts &
  MailboxDialectParts;

type Create = (parts: DialectParts) => Dialect;

/** Every dialect there is, in the order in which they are asked whose a request is. A new one is a line here. */
const registry: Readonly<Record<string, Create>> = {
  // Before topic: at the same path its clients are known by their first message, and the last one takes all others.
  mailbox: createMailbox,
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

/** It is named only where there is a store: the options have been checked (relay/config/contradictions.ts). */
function createMailbox(parts: DialectParts): Dialect {
  if (parts.mailboxes !== undefined) return new MailboxDialect(parts, parts.mailboxes);
  throw new RelayError("CONFIG_INVALID", "DIALECTS, LISTEN or VIRTUAL_HOSTS names mailbox, and MAILBOX_STORE is off");
}

/** @throws RelayError CONFIG_INVALID where one of these names is no dialect's. */
export function checkDialects(names: readonly string[]): void {
  const unknown = names.filter((name) => !Object.hasOwn(registry, name));
  if (unknown.length === 0) return;
  const known = Object.keys(registry).join(", ");
  throw new RelayError(
    "CONFIG_INVALID",
    `DIALECTS, LISTEN or VIRTUAL_HOSTS names ${unknown.join(", ")}; there are ${known}`,
  );
}
