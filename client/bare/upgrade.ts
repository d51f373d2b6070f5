import { SUBPROTOCOL_V1 } from "../../protocol/subprotocol.ts";
import { type ReadRefusal, refusalOf } from "../line/refusal.ts";
import { GrowingBytes } from "./growing-bytes.ts";

const MAX_HEAD_BYTES = 16_384;
/** Of what stands behind the head of a refusal, for people. */
const MAX_BODY_CHARACTERS = 300;
const HEAD_END = Uint8Array.of(13, 10, 13, 10);

/** The head of an HTTP answer. @property headers by lower-case name. */
type Head = { readonly status: number; readonly headers: ReadonlyMap<string, string> };

/** The request that asks a relay for a WebSocket (RFC 6455 section 4.1). @param key 16 random bytes in base64. */
export function upgradeRequest({ host, pathname, search }: URL, key: string): string {
  return [
    `GET ${pathname}${search} HTTP/1.1`,
    `Host: ${host}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${key}`,
    `Sec-WebSocket-Protocol: ${SUBPROTOCOL_V1}`,
    "\r\n",
  ].join("\r\n");
}

/** The answer to it, as its bytes come. */
export class UpgradeAnswer {
  readonly #bytes = new GrowingBytes();
  readonly #accept: string;
  #head: Head | undefined;
  #bodyAt = 0;

  /** @param accept what proves that a WebSocket server has read the key (RFC 6455 section 4.2.2). */
  constructor(accept: string) {
    this.#accept = accept;
  }

  /**
   * @returns `more`: its head is not here yet; the bytes behind it, where the connection is a WebSocket from there on; or `refused`
   * @throws Error where it is no answer, or one that RFC 6455 section 4.1 forbids to take
   */
  push(bytes: Uint8Array): "more" | "refused" | Uint8Array {
    this.#bytes.append(bytes);
    if (this.#head === undefined) {
      const kept = this.#bytes.peek();
      const end = kept.findIndex((_, at) => HEAD_END.every((byte, index) => kept[at + index] === byte));
      if (end === -1 && kept.length > MAX_HEAD_BYTES) throw new Error("the head of the HTTP answer is too long");
      if (end === -1) return "more";
      this.#head = headOf(textOf(kept.subarray(0, end)));
      this.#bodyAt = end + HEAD_END.length;
    }
    if (this.#head.status !== 101) return "refused";
    this.#check(this.#head.headers);
    return this.#bytes.take().slice(this.#bodyAt);
  }

  /** It has answered, and not with a WebSocket. */
  get isRefused(): boolean {
    return this.#head !== undefined && this.#head.status !== 101;
  }

  /** How much of the body of a refusal is here is enough. */
  get hasBody(): boolean {
    return this.#bytes.length - this.#bodyAt >= MAX_BODY_CHARACTERS;
  }

  /** What a refusal says, as far as it has come. */
  refusal(): ReadRefusal {
    const { status = 0, headers } = this.#head ?? {};
    const body = textOf(this.#bytes.peek().subarray(this.#bodyAt)).slice(0, MAX_BODY_CHARACTERS);
    return refusalOf(status, (name) => headers?.get(name), body);
  }

  #check(headers: ReadonlyMap<string, string>): void {
    const isUpgrade = headers.get("upgrade")?.toLowerCase() === "websocket";
    const isConnection = /(^|,)\s*upgrade\s*(,|$)/i.test(headers.get("connection") ?? "");
    if (!isUpgrade || !isConnection || headers.get("sec-websocket-accept") !== this.#accept) {
      throw new Error("what answers there upgrades to no WebSocket");
    }
    if (headers.has("sec-websocket-extensions")) throw new Error("the server has an extension that was not offered");
    if (headers.get("sec-websocket-protocol") !== SUBPROTOCOL_V1) throw new Error(`no ${SUBPROTOCOL_V1}`);
  }
}

/** RFC 9112 sections 4 and 5. @throws Error */
function headOf(text: string): Head {
  const [first = "", ...lines] = text.split("\r\n");
  const [, status] = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(first) ?? [];
  if (status === undefined) throw new Error("what answers there speaks no HTTP");
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name = "", value = ""] = /^([^:\s]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    const known = headers.get(name.toLowerCase());
    headers.set(name.toLowerCase(), known === undefined ? value : `${known}, ${value}`);
  }
  return { status: Number(status), headers };
}

/** A byte is a character. */
function textOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}
