import { createHash } from "node:crypto";
import { isJsonObject, numberOr, parseJsonObject, stringOr } from "../../json.ts";
import { type CertificateErrorCode, certificateErrorCodes } from "../source.ts";

/** The account at one CA. The key is its whole proof: who has it orders in its name. */
export type AccountEntry = {
  readonly directoryUrl: string;
  readonly key: string;
  /** Undefined until the CA has given one. */
  readonly accountUrl: string | undefined;
  readonly email: string;
};

/** A certificate with its key: one document, so that no kill can part them. */
export type CertificateEntry = {
  readonly directoryUrl: string;
  /** As they were ordered. */
  readonly names: readonly string[];
  readonly key: string;
  readonly certificate: string;
  /** 0..1, drawn once: where in its window this certificate is renewed, over all restarts. */
  readonly jitter: number;
};

/** What is known of the attempts for one set of names. Times are milliseconds since the epoch. */
export type AttemptsEntry = {
  /** When orders were placed, of the last 7 days. */
  readonly orderedAtMs: readonly number[];
  readonly consecutiveFailures: number;
  /** How many of these came after something was ordered: they alone hold back the next order over a restart. */
  readonly failedOrders: number;
  /** No attempt is made before; 0 where nothing holds it back. */
  readonly notBeforeMs: number;
  readonly lastSuccessAtMs: number | undefined;
  readonly lastErrorCode: CertificateErrorCode | undefined;
  /** When an operator asked for a renewal that nothing but the store can hold back; taken by the running relay. */
  readonly requestedAtMs: number | undefined;
};

/** What a relay knows that has never tried. */
export const NO_ATTEMPTS: AttemptsEntry = {
  orderedAtMs: [],
  consecutiveFailures: 0,
  failedOrders: 0,
  notBeforeMs: 0,
  lastSuccessAtMs: undefined,
  lastErrorCode: undefined,
  requestedAtMs: undefined,
};

/** The names of a relay's three entries in the store. Staging and production never share one. */
export function entryNames(
  directoryUrl: string,
  names: readonly string[],
): { readonly account: string; readonly certificate: string; readonly attempts: string } {
  const sorted = names.map((name) => name.toLowerCase()).toSorted();
  const forNames = shortHash([directoryUrl, ...sorted].join("\n"));
  return {
    account: `acme-account-${shortHash(directoryUrl)}`,
    certificate: `relay-cert-${forNames}`,
    attempts: `relay-attempts-${forNames}`,
  };
}

/** 80 bits: short enough to read aloud, and nobody gains by a collision with an entry of their own. */
function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 20);
}

/** Writes any of the three entries. */
export function entryText(entry: AccountEntry | CertificateEntry | AttemptsEntry): string {
  return `${JSON.stringify({ version: 1, ...entry })}\n`;
}

/** @returns undefined where the text is no account. */
export function readAccountEntry(text: string): AccountEntry | undefined {
  const entry = parseJsonObject(text);
  const [directoryUrl, key] = [stringOr(entry?.["directoryUrl"]), stringOr(entry?.["key"])];
  if (directoryUrl === undefined || key === undefined) return undefined;
  return { directoryUrl, key, accountUrl: stringOr(entry?.["accountUrl"]), email: stringOr(entry?.["email"]) ?? "" };
}

/** @returns undefined where the text is no certificate with its key. Whether they fit is not looked at here. */
export function readCertificateEntry(text: string): CertificateEntry | undefined {
  const entry = parseJsonObject(text);
  const [directoryUrl, key] = [stringOr(entry?.["directoryUrl"]), stringOr(entry?.["key"])];
  const certificate = stringOr(entry?.["certificate"]);
  const names = entry?.["names"];
  if (directoryUrl === undefined || key === undefined || certificate === undefined || !isTexts(names)) return undefined;
  const jitter = numberOr(entry?.["jitter"]) ?? 0;
  return { directoryUrl, names, key, certificate, jitter: Math.min(1, Math.max(0, jitter)) };
}

/** Takes what can be read and leaves the rest at what a first attempt has. @returns undefined where it is no JSON object. */
export function readAttemptsEntry(text: string): AttemptsEntry | undefined {
  const entry = parseJsonObject(text);
  if (!isJsonObject(entry)) return undefined;
  const orders = entry["orderedAtMs"];
  const code = entry["lastErrorCode"];
  return {
    orderedAtMs: Array.isArray(orders) ? orders.flatMap((atMs) => numberOr(atMs) ?? []) : [],
    consecutiveFailures: countOr(entry["consecutiveFailures"]),
    failedOrders: countOr(entry["failedOrders"]),
    notBeforeMs: numberOr(entry["notBeforeMs"]) ?? 0,
    lastSuccessAtMs: numberOr(entry["lastSuccessAtMs"]),
    lastErrorCode: certificateErrorCodes.find((known) => known === code),
    requestedAtMs: numberOr(entry["requestedAtMs"]),
  };
}

/** A whole number of 0 or more; 0 where it is none. */
function countOr(value: unknown): number {
  return Math.max(0, Math.floor(numberOr(value) ?? 0));
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}
