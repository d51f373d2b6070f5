import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { errorTexts } from "../../client/errors.ts";
import { identityErrorTexts } from "../../client/identity/identity-error.ts";
import { mailboxErrorTexts } from "../../client/mailbox/mailbox-error.ts";
import { proxyErrorTexts } from "../../client/node/proxies/proxy-error.ts";
import { listErrorTexts } from "../../client/relays/list-error.ts";
import { streamErrorTexts } from "../../client/streams/stream-error.ts";
import { CloseCode, closeCodes, type Reconnect, reconnectAfter } from "../../protocol/close-codes.ts";
import { errorSentences } from "../../protocol/error-codes.ts";
import { refusalCounter, refusalStatus } from "../../relay/auth/refusals.ts";
import { ExitCode } from "../../relay/cli/terminal.ts";
import { renderOptionsAsMarkdown } from "../../relay/config/render.ts";
import { wordsOf } from "../../relay/counter.ts";
import { closeFor } from "../../relay/session/access-closes.ts";
import { certificateErrorCodes } from "../../relay/tls/source.ts";
import { readSourceFiles, type SourceFile } from "../../scripts/checks/source-files.ts";
import { tableRows } from "../support/table-rows.ts";

/** How docs/protocol.md says whether to come back. */
const RECONNECT_WORDS: Readonly<Record<Reconnect, string>> = {
  now: "at once",
  "back-off": "with back-off",
  never: "no",
};

it("shows in docs/configuration.md the options that the relay has", () => {
  const [, table] = /<!-- options:start -->\n([\s\S]*)\n<!-- options:end -->/.exec(read("docs/configuration.md")) ?? [];

  expect(table).toBe(renderOptionsAsMarkdown());
});

it("lists in docs/protocol.md every error code with its sentence, and no other", () => {
  const rows = tableRows("docs/protocol.md", "## Errors");

  const listed = rows.map(([code, sentence]) => [unquoted(code), sentence]);
  expect(listed).toEqual(Object.entries(errorSentences));
});

it("lists in docs/client.md every error code of the client with its sentence and what to do, and no other", () => {
  const rows = tableRows("docs/client.md", "## Errors");

  const listed = rows.map(([code, sentence, remedy]) => [unquoted(code), sentence, remedy]);
  const ofEntries = {
    ...proxyErrorTexts,
    ...listErrorTexts,
    ...identityErrorTexts,
    ...streamErrorTexts,
    ...mailboxErrorTexts,
  };
  expect(listed).toEqual(Object.entries({ ...errorTexts, ...ofEntries }).map(([code, texts]) => [code, ...texts]));
});

it("lists in docs/protocol.md every close code with its name and whether to come back, and no other", () => {
  const rows = tableRows("docs/protocol.md", "## Close codes");

  const expected = closeCodes.map(({ code, name, reconnect }) => [
    String(code),
    name.replaceAll("-", " "),
    RECONNECT_WORDS[reconnect],
  ]);
  expect(rows.map(([code, name, , reconnect]) => [code, name, reconnect])).toEqual(expected);
});

it("has in the table of close codes every code that the relay sends, under its own name", () => {
  const names = Object.entries(CloseCode).map(([name, code]) => [
    code,
    name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
  ]);

  expect(closeCodes.map(({ code, name }) => [code, name])).toEqual(expect.arrayContaining(names));
  expect(closeCodes.map(({ code }) => code)).toEqual(closeCodes.map(({ code }) => code).toSorted((a, b) => a - b));
});

it("tells for every close code whether to come back, and to back off for one that it does not know", () => {
  expect(closeCodes.map(({ code }) => reconnectAfter(code))).toEqual(closeCodes.map(({ reconnect }) => reconnect));
  expect([reconnectAfter(1003), reconnectAfter(4999)]).toEqual(["back-off", "back-off"]);
});

it("lists in docs/protocol.md every refusal of a token with its status and its close code, and no other", () => {
  const rows = tableRows("docs/protocol.md", "### Refusals");

  const reasons = wordsOf(refusalCounter().read());
  const expected = reasons.map((reason) => [reason, closeFor(reason).code]);
  expect(rows.map(([reason, , code]) => [unquoted(reason), Number(code)])).toEqual(expected);
  const statuses = rows.map(([reason, status]) => [unquoted(reason), status]).filter(([, status]) => status !== "");
  expect(statuses).toEqual(
    reasons
      .filter((reason) => reason !== "missing" && reason !== "other-subject")
      .map((reason) => [reason, String(refusalStatus(reason))]),
  );
});

it("lists in docs/operations.md every exit code, and no other", () => {
  const rows = tableRows("docs/operations.md", "## Exit codes");

  expect(rows.map(([code]) => Number(code))).toEqual(Object.values(ExitCode));
});

it("lists in docs/operations.md every error code of the relay, and no other", () => {
  const [, union = ""] = /export type RelayErrorCode =([^;]*);/.exec(read("relay/relay-error.ts")) ?? [];
  const codes = [...union.matchAll(/"(\w+)"/g)].map(([, code]) => code);

  const rows = tableRows("docs/operations.md", "## Error codes");

  expect(codes).toContain("CONFIG_INVALID");
  expect(rows.map(([code]) => unquoted(code))).toEqual(codes);
});

it("lists in docs/certificates.md every code of a failed certificate with what to do, and no other", () => {
  const rows = tableRows("docs/certificates.md", "### Error codes");

  expect(rows.map(([code]) => unquoted(code))).toEqual([...certificateErrorCodes]);
  expect(rows.filter((cells) => cells.length !== 3 || cells.includes(""))).toEqual([]);
});

it("lists in docs/operations.md every log event of the relay with its level and fields, and no other", () => {
  const logged = readSourceFiles("relay").flatMap(logEventsOf);

  const listed = tableRows("docs/operations.md", "### Log events").map(([message, level, fields]) =>
    shown({
      message: unquoted(message),
      level,
      fields: [...(fields ?? "").matchAll(/`(\w+)`/g)].map(([, name]) => name),
    }),
  );

  expect(logged.length).toBeGreaterThan(5);
  expect(listed.toSorted()).toEqual([...new Set(logged.map(shown))].toSorted());
});

function read(path: string): string {
  return readFileSync(path, "utf8");
}

function unquoted(cell: string | undefined): string {
  return (cell ?? "").replaceAll("`", "");
}

type LogEvent = {
  readonly message: string;
  readonly level: string | undefined;
  readonly fields: readonly (string | undefined)[];
};

function shown({ message, level, fields }: LogEvent): string {
  return `${message} (${level}): ${fields.join(", ")}`;
}

type Node = Readonly<Record<string, unknown>>;

/** Every call of a logger in a file: `log.info({ field }, "message")`, or without fields. */
function logEventsOf({ path, program }: SourceFile): readonly LogEvent[] {
  const found: LogEvent[] = [];
  const visit = (node: unknown): void => {
    if (typeof node !== "object" || node === null) return;
    const level = levelOf(node as Node);
    if (level !== undefined)
      found.push(logEventOf((node as { readonly arguments: readonly Node[] }).arguments, level, path));
    for (const child of Object.values(node)) visit(child);
  };
  visit(program);
  return found;
}

/** The level of a call of `log`, `parts.log` or `#log`; undefined for every other node. */
function levelOf({ type, callee }: Node): string | undefined {
  if (type !== "CallExpression" || !isMember(callee)) return undefined;
  const { object, property } = callee;
  const logger = isMember(object) ? object.property["name"] : object["name"];
  const level = property["name"];
  if (logger !== "log" || typeof level !== "string") return undefined;
  return /^(trace|debug|info|warn|error|fatal)$/.test(level) ? level : undefined;
}

function isMember(node: unknown): node is { readonly object: Node; readonly property: Node } {
  return typeof node === "object" && node !== null && (node as Node)["type"] === "MemberExpression";
}

function logEventOf(given: readonly Node[], level: string, path: string): LogEvent {
  const message = given.at(-1)?.["value"];
  const fields = given.length > 1 ? given[0]?.["properties"] : [];
  if (typeof message !== "string" || !Array.isArray(fields)) throw new Error(`${path} logs what no table can list`);
  return { message, level, fields: (fields as Node[]).map(({ key }) => fieldName(key, path)) };
}

function fieldName(key: unknown, path: string): string {
  const name = (key as Node | undefined)?.["name"];
  if (typeof name !== "string") throw new Error(`${path} logs a field without a fixed name`);
  return name;
}
