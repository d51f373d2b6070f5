import { DeliveryError } from "./errors.ts";
import type { Data } from "./topic.ts";

const encoder = new TextEncoder();

/** Text as the bytes that are sent. */
export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/**
 * The bytes of what an app sends, not copied: who keeps them beyond the call copies them, as the app may write to its own.
 * @throws DeliveryError `data-invalid`, `payload-too-large`
 */
export function toBytes(data: Data, maxBytes: number): Uint8Array {
  if (typeof data !== "string" && !(data instanceof Uint8Array)) throw new DeliveryError("data-invalid");
  const bytes = typeof data === "string" ? utf8(data) : data;
  if (bytes.length === 0) throw new DeliveryError("data-invalid");
  if (bytes.length > maxBytes) {
    throw new DeliveryError("payload-too-large", { cause: `${bytes.length} bytes, and the limit is ${maxBytes}` });
  }
  return bytes;
}
