import { randomBytes } from "node:crypto";

/** RFC 4648 section 6, in small letters. */
const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
/** 50 bits: of a million requests, the chance that any two share one is below a thousandth. It can be read out on the phone. */
const LENGTH = 10;
/** Random bytes are asked for this many ids at once: one by one they took a hundredth of the CPU of a connection. */
const IDS_AT_ONCE = 128;

/** Makes ids of requests: short and random, in base32. */
export class RequestIds {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  next(): string {
    if (this.#at === this.#bytes.length) {
      this.#bytes = randomBytes(LENGTH * IDS_AT_ONCE);
      this.#at = 0;
    }
    let id = "";
    for (const byte of this.#bytes.subarray(this.#at, this.#at + LENGTH)) id += ALPHABET.charAt(byte & 31);
    this.#at += LENGTH;
    return id;
  }
}
