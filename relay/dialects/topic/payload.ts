import type { Payload } from "../../hub/ports.ts";

/**
 * What a sender handed over, in the form it came in and, once an encoding asks for it, in the other one.
 * It looks into the sender's own chunk: good only until the call that made it returns.
 */
export class TopicPayload implements Payload {
  readonly byteLength: number;
  #jsonText: Uint8Array | undefined;
  #raw: Uint8Array | null | undefined;

  private constructor(byteLength: number, jsonText: Uint8Array | undefined, raw: Uint8Array | undefined) {
    this.byteLength = byteLength;
    this.#jsonText = jsonText;
    this.#raw = raw;
  }

  /** From the inside of a JSON string: UTF-8, with JSON's escapes, without the quotes. */
  static fromJsonText(jsonText: Uint8Array): TopicPayload {
    return new TopicPayload(jsonText.length, jsonText, undefined);
  }

  /** From a decoded string. */
  static fromString(data: string): TopicPayload {
    return TopicPayload.fromJsonText(Buffer.from(JSON.stringify(data).slice(1, -1)));
  }

  /** From the bytes of a binary frame. */
  static fromRaw(raw: Uint8Array): TopicPayload {
    return new TopicPayload(raw.length, undefined, raw);
  }

  /** The inside of a JSON string: as the sender wrote it, or the base64 of raw bytes. */
  jsonText(): Uint8Array {
    this.#jsonText ??= Buffer.from(base64Of(this.#raw ?? new Uint8Array(0)), "latin1");
    return this.#jsonText;
  }

  /** The raw bytes, or null where a JSON sender wrote something that is not the base64 (RFC 4648 section 4) of any bytes. */
  raw(): Uint8Array | null {
    if (this.#raw === undefined) {
      const text = Buffer.from(this.jsonText()).toString("latin1");
      const raw = Buffer.from(text, "base64");
      this.#raw = base64Of(raw) === text ? raw : null;
    }
    return this.#raw;
  }
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}
