import { isIP } from "node:net";
import { readListener } from "./listener-text.ts";
import { MAX_NAMES, type Option } from "./option.ts";
import { originProblem } from "./origin.ts";
import { readStunAddress } from "./stun-address-text.ts";
import { readVirtualHost } from "./virtual-host-text.ts";

/** What an option's text becomes. */
export type Value = string | number | boolean | readonly string[];

/** What came of a text. `reason`: what is wrong with it, where its range alone does not tell. */
export type Parsed = { readonly value: Value } | { readonly reason: string | undefined };

/** Words that mean true and false, as other programs take them. */
export const BOOLEAN_WORDS: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["1", true],
  ["yes", true],
  ["on", true],
  ["false", false],
  ["0", false],
  ["no", false],
  ["off", false],
]);

/** A host name or address: no spaces, no brackets, no port with it. */
const HOST = /^(?=.{1,253}$)([A-Za-z0-9._-]+|[0-9A-Fa-f:.]+(%[A-Za-z0-9._-]+)?)$/;
/** A name that a certificate can be for (RFC 1123 section 2.1): labels of letters, digits and hyphens. */
const NAME = /^(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** What mail servers agree on: something, an @, a host. What stands before the @ is theirs to judge. */
const EMAIL = /^[^\s@<>]{1,64}@[^\s@<>]{1,253}$/;
const BASE64URL = /^[A-Za-z0-9_-]{16,1024}={0,2}$/;
const MAX_TEXT_LENGTH = 4096;
const MAX_KEYS_LENGTH = 65_536;

/** Reads the text of an option. */
export function parse(option: Option, text: string): Parsed {
  if (isQuoted(text)) return { reason: "the quotes are part of it: leave them out" };
  switch (option.kind) {
    case "list":
      return parseList(text, problemOf(isName));
    case "networks":
      return parseList(text, problemOf(isNetwork));
    case "multiples":
      return parseList(text, problemOf(isMultiple));
    case "words":
      return parseList(text, problemOf(isWord));
    case "listeners":
      return parseList(text, problemOf(isListener));
    case "virtual-hosts":
      return parseList(
        text,
        problemOf((item) => readVirtualHost(item) !== undefined),
      );
    case "addresses":
      return parseList(
        text,
        problemOf((item) => readStunAddress(item) !== undefined),
      );
    case "origins":
      return parseList(text, originProblem);
    default: {
      const value = parseOne(option, text);
      return value === undefined ? { reason: undefined } : { value };
    }
  }
}

type ListKind = "list" | "networks" | "origins" | "multiples" | "words" | "listeners" | "virtual-hosts" | "addresses";

/** @returns the value, or undefined where the text is none of the option's. */
function parseOne(option: Exclude<Option, { readonly kind: ListKind }>, text: string): Value | undefined {
  switch (option.kind) {
    case "integer": {
      const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      return value >= option.min && value <= option.max ? value : undefined;
    }
    case "boolean":
      return BOOLEAN_WORDS.get(text.toLowerCase());
    case "choice":
      return option.choices.find((choice) => choice === text.toLowerCase());
    case "host":
      return HOST.test(text) ? text : undefined;
    case "url":
      return option.words.find((word) => word === text.toLowerCase()) ?? parseUrl(text);
    case "email":
      return parseEmail(text);
    case "contact":
      return parseContact(text);
    case "secret":
      return BASE64URL.test(text) ? text : undefined;
    case "keys":
      // What it holds is read where it is used: here it only has to look like it.
      return text.length <= MAX_KEYS_LENGTH && /^(\{|-----BEGIN )/.test(text) ? text : undefined;
    case "path":
    case "word":
      return text !== "" && text.length <= MAX_TEXT_LENGTH && isPrintable(text) ? text : undefined;
  }
}

/** Files of variables that are no shell's, such as Docker's, keep the quotes. */
function isQuoted(text: string): boolean {
  return text.length > 1 && /^["']/.test(text) && text.endsWith(text.charAt(0));
}

/** @param problem says what is wrong with an item; undefined: nothing. */
function parseList(text: string, problem: (item: string) => string | undefined): Parsed {
  const items = [...new Set(text.split(",").map((item) => item.trim().toLowerCase()))];
  if (items.length > MAX_NAMES) return { reason: `these are ${items.length}` };
  for (const item of items) {
    const reason = problem(item);
    if (reason !== undefined) return { reason: `${quoted(item)}: ${reason}` };
  }
  return { value: items };
}

/** A bad value as messages show it: shortened, and on one line. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}...` : text);
}

function problemOf(isItem: (item: string) => boolean): (item: string) => string | undefined {
  return (item) => (isItem(item) ? undefined : "this is none");
}

/** RFC 5322 section 3.4: the address alone, or a name and the address behind it in angle brackets. */
function parseEmail(text: string): string | undefined {
  const [, address = text] = /^[^<>]*<([^<>]*)>$/.exec(text) ?? [];
  return EMAIL.test(address) ? address : undefined;
}

/** RFC 9116 section 2.5.3: a URI, of the web by https alone. It stands in a line of its own, so it has neither spaces nor breaks. */
function parseContact(text: string): string | undefined {
  if (!/^[!-~]{1,1024}$/.test(text)) return undefined;
  if (/^tel:\+?[0-9().-]+$/i.test(text) || /^mailto:[^@?]+@[^@]+$/i.test(text)) return text;
  // A URI of any scheme may look like an address to EMAIL.
  if (!/[:/]/.test(text)) return EMAIL.test(text) ? `mailto:${text}` : undefined;
  return parseUrl(text);
}

function isName(text: string): boolean {
  return isIP(text) !== 0 || (NAME.test(text) && !/^[\d.]+$/.test(text));
}

/** RFC 4632 section 3.1, RFC 4291 section 2.3: an address, or one with the length of its prefix. */
function isNetwork(text: string): boolean {
  const [address = "", length, ...rest] = text.split("/");
  const version = address.includes("%") ? 0 : isIP(address);
  if (version === 0 || rest.length > 0) return false;
  return length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= (version === 4 ? 32 : 128));
}

function isWord(text: string): boolean {
  return /^[a-z][a-z0-9-]{0,31}$/.test(text);
}

function isListener(text: string): boolean {
  return readListener(text) !== undefined;
}

function isMultiple(text: string): boolean {
  const [, multiple] = /^[a-z0-9][a-z0-9-]{0,31}=(\d{1,4}(?:\.\d{1,3})?)$/.exec(text) ?? [];
  return multiple !== undefined && Number(multiple) <= 1000;
}

/** Without a name or a password in it: those would be in the log. */
function parseUrl(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null || url.protocol !== "https:" || url.username !== "" || url.password !== "") return undefined;
  return text;
}

/** Neither NUL, which no path may have, nor what would break the lines of a log. */
function isPrintable(text: string): boolean {
  return !/\p{Cc}/u.test(text);
}
