import type { Dialect } from "../session/ports.ts";
import { TopicDialect, type TopicDialectParts } from "./topic/topic-dialect.ts";

/** What the dialects are made with. */
export type DialectParts = TopicDialectParts;

/** Every dialect that this relay speaks, in the order in which they are asked whose a request is. A new one is a line here. */
export function createDialects(parts: DialectParts): readonly Dialect[] {
  return [new TopicDialect(parts)];
}
