import type { Payload } from "../hub/ports.ts";

/**
 * What a sender handed over, in the form it came in and, once somebody asks for it, in the other one. Until it is kept it
 * looks into the sender's own chunk: good only until the call that made it returns.
 */
export class BytesPayload implements Payload {
  readonly byteLength: number;
  readonly isText: boolean;
  #jsonText: Uint8Array | undefined;
  #raw: Uint8Array | null | undefined;

  private constructor(byteLength: number, jsonText: Uint8Array | undefined, raw: Uint8Array | undefined) {
    this.byteLength = byteLength;
    this.isText = jsonText !== undefined;
    this.#jsonText = jsonText;
    this.#raw = raw;
  }

  /** From the inside of a JSON string that has been parsed: UTF-8, with JSON's escapes, without the quotes. */
  static fromJsonText(jsonText: Uint8Array): BytesPayload {
    return new BytesPayload(jsonText.length, jsonText, undefined);
  }

  /** From a decoded string. */
  static fromString(data: string): BytesPayload {
    return BytesPayload.fromJsonText(Buffer.from(JSON.stringify(data).slice(1, -1)));
  }

  /** From the bytes of a binary frame. */
  static fromRaw(raw: Uint8Array): BytesPayload {
    return new BytesPayload(raw.length, undefined, raw);
  }

  /** A whole message, passed on as it is: for dialects that ask for `asSent` alone. */
  static verbatim(message: Uint8Array, kind: "text" | "binary"): BytesPayload {
    return kind === "binary" ? BytesPayload.fromRaw(message) : BytesPayload.fromJsonText(message);
  }

  asSent(): Uint8Array {
    return this.isText ? this.jsonText() : (this.#raw ?? NOTHING);
  }

  jsonText(): Uint8Array {
    this.#jsonText ??= Buffer.from(base64Of(this.#raw ?? NOTHING), "latin1");
    return this.#jsonText;
  }

  /** Null where it is not the base64 (RFC 4648 section 4) of any bytes. */
  raw(): Uint8Array | null {
    if (this.#raw === undefined) {
      const text = unescaped(Buffer.from(this.jsonText()).toString("latin1"));
      const raw = Buffer.from(text, "base64");
      this.#raw = base64Of(raw) === text ? raw : null;
    }
    return this.#raw;
  }

  isLargerThan(byteCount: number): boolean {
    // Text is never shorter than what it stands for: most are decided by their length.
    if (this.byteLength <= byteCount) return false;
    if (!this.isText) return true;
    if (leastBytesOf(this.byteLength) > byteCount && !this.jsonText().includes(BACKSLASH)) return true;
    return (this.raw()?.length ?? this.byteLength) > byteCount;
  }

  /** Copies what looks into a chunk; what was made of it is kept as it is. */
  keep(): BytesPayload {
    const sent = Uint8Array.from(this.asSent());
    if (!this.isText) return BytesPayload.fromRaw(sent);
    const kept = BytesPayload.fromJsonText(sent);
    kept.#raw = this.#raw;
    return kept;
  }
}

const BACKSLASH = 0x5c;
const NOTHING = new Uint8Array(0);

/** Some encoders write `\/` for every slash, and base64 has many. */
function unescaped(jsonText: string): string {
  return jsonText.includes("\\") ? String(JSON.parse(`"${jsonText}"`)) : jsonText;
}

/** What base64 of this length stands for at least: RFC 4648 section 4, with two characters of padding. */
function leastBytesOf(base64Length: number): number {
  return Math.floor(base64Length / 4) * 3 - 2;
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}
