import { isIP } from "node:net";
import { MAX_NAMES, type Option } from "./option.ts";

/** What an option's text becomes. */
export type Value = string | number | boolean | readonly string[];

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
const EMAIL = /^[^\s@]{1,64}@[^\s@]{1,253}$/;
const BASE64URL = /^[A-Za-z0-9_-]{16,1024}={0,2}$/;
const MAX_TEXT_LENGTH = 4096;
const MAX_KEYS_LENGTH = 65_536;

/** @returns the value, or undefined where the text is none of the option's. */
export function parse(option: Option, text: string): Value | undefined {
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
    case "list":
      return parseList(text, isName);
    case "networks":
      return parseList(text, isNetwork);
    case "origins":
      return parseList(text, isOrigin);
    case "multiples":
      return parseList(text, isMultiple);
    case "url":
      return option.words.find((word) => word === text.toLowerCase()) ?? parseUrl(text);
    case "email":
      return EMAIL.test(text) ? text : undefined;
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

function parseList(text: string, isItem: (item: string) => boolean): readonly string[] | undefined {
  const items = [...new Set(text.split(",").map((item) => item.trim().toLowerCase()))];
  return items.every(isItem) && items.length <= MAX_NAMES ? items : undefined;
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

function isMultiple(text: string): boolean {
  const [, multiple] = /^[a-z0-9][a-z0-9-]{0,31}=(\d{1,4}(?:\.\d{1,3})?)$/.exec(text) ?? [];
  return multiple !== undefined && Number(multiple) <= 1000;
}

/** RFC 6454 section 6.2: what a browser sends, letter by letter; so no path, and no port that the scheme has anyway. */
function isOrigin(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && url.origin === text && url.origin !== "null";
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
