import { X509Certificate } from "node:crypto";
import { isJsonObject, stringOr } from "../../json.ts";
import { constructedContextTag, contextTag, type DerElement, readDer, tags } from "./der.ts";
import type { RenewalWindow } from "./schedule.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** RFC 9773 section 4.3.2: what is outside of these is a fault of the CA. */
const MIN_POLL_MS = MINUTE_MS;
const MAX_POLL_MS = DAY_MS;
/** Twice a day, where the CA does not say. */
const DEFAULT_POLL_MS = DAY_MS / 2;

/** 2.5.29.35, RFC 5280 section 4.2.1.1, as the octets of DER. */
const AUTHORITY_KEY_IDENTIFIER = "551d23";
const KEY_IDENTIFIER = contextTag(0);
/** RFC 5280 section 4.1. */
const EXTENSIONS = constructedContextTag(3);

/** What a CA said of the renewal of one certificate. */
export type RenewalInfo = {
  readonly window: RenewalWindow;
  /** A page for people, where the CA has a reason to name one. */
  readonly explanationUrl: string | undefined;
};

/**
 * The name of a certificate at its CA (RFC 9773 section 4.1): the key identifier of the issuer, and the serial number as
 * its DER octets are, each in base64url.
 * @param certificate PEM; of a chain, the first.
 * @returns undefined where the certificate names no key of its issuer.
 */
export function certificateId(certificate: string): string | undefined {
  const fields = inside(inside(readDer(new X509Certificate(certificate).raw)[0])[0]);
  const serial = fields.find(({ tag }) => tag === tags.integer)?.content;
  const keyId = keyIdentifier(fields.find(({ tag }) => tag === EXTENSIONS));
  return serial === undefined || keyId === undefined
    ? undefined
    : `${keyId.toString("base64url")}.${serial.toString("base64url")}`;
}

function keyIdentifier(extensions: DerElement | undefined): Buffer | undefined {
  for (const extension of inside(inside(extensions)[0])) {
    const [id, ...rest] = inside(extension);
    if (id?.content.toString("hex") !== AUTHORITY_KEY_IDENTIFIER) continue;
    // A flag may stand before the value: whether the extension is critical.
    const members = inside(readDer(rest.at(-1)?.content ?? Buffer.alloc(0))[0]);
    return members.find(({ tag }) => tag === KEY_IDENTIFIER)?.content;
  }
  return undefined;
}

function inside(element: DerElement | undefined): readonly DerElement[] {
  return element === undefined ? [] : readDer(element.content);
}

/** RFC 9773 section 4.2. @returns undefined where the answer is no renewal information that makes sense. */
export function readRenewalInfo(answer: unknown): RenewalInfo | undefined {
  const info = isJsonObject(answer) ? answer : {};
  const window = isJsonObject(info["suggestedWindow"]) ? info["suggestedWindow"] : {};
  const startMs = Date.parse(stringOr(window["start"]) ?? "");
  const endMs = Date.parse(stringOr(window["end"]) ?? "");
  // Not a number is neither more nor less.
  if (!(endMs > startMs)) return undefined;
  return { window: { startMs, endMs }, explanationUrl: stringOr(info["explanationURL"]) };
}

/** How long to wait before asking again: as the CA says, within a minute and a day; else half a day. */
export function renewalInfoPollMs(retryAfterMs: number | undefined): number {
  return Math.min(MAX_POLL_MS, Math.max(MIN_POLL_MS, retryAfterMs ?? DEFAULT_POLL_MS));
}
