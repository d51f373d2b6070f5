import { PacketType } from "../mqtt-scanner.ts";
import { STAMP_BYTES } from "../stamp.ts";
import type { Member, Publication, Session } from "./session.ts";

/** MQTT 5.0 section 3.1.2: protocol name and version, clean start, keep-alive of 60 s, no properties. */
const CONNECT_HEAD = Buffer.from([0, 4, 0x4d, 0x51, 0x54, 0x54, 5, 0x02, 0, 60, 0]);
/** MQTT 5.0 section 3.8.3.1: QoS 0, and not what one published oneself. */
const NO_LOCAL = 0x04;

/** MQTT 5.0 over TLS, QoS 0. */
export class MqttSession implements Session {
  readonly framing = "mqtt";
  readonly form = "raw";
  readonly prefixBytes: number;
  readonly suffixBytes = 0;
  isJoined = false;
  readonly #member: Member;

  constructor(member: Member) {
    this.#member = member;
    this.prefixBytes = publishHead(member.topic).length;
  }

  hello(): Uint8Array {
    return packet(PacketType.connect << 4, Buffer.concat([CONNECT_HEAD, lengthPrefixed(this.#member.peerId)]));
  }

  hear(kind: number | "message", bytes: Buffer): Uint8Array | undefined {
    if (kind === PacketType.connack) {
      if (bytes[1] !== 0) throw new Error(`mosquitto refused: ${bytes[1]}`);
      if (this.#member.isReceiver) return this.#subscribe();
    }
    this.isJoined = true;
    return undefined;
  }

  publication(payload: Buffer): Publication {
    const body = Buffer.concat([publishHead(this.#member.topic), payload]);
    const bytes = packet(PacketType.publish << 4, body);
    return { bytes, stampAt: bytes.length - payload.length, stampMask: new Uint8Array(STAMP_BYTES) };
  }

  isEnvelope(before: Buffer): boolean {
    return before.equals(publishHead(this.#member.topic));
  }

  #subscribe(): Uint8Array {
    const packetId = Buffer.from([0, 1]);
    const noProperties = Buffer.from([0]);
    const filter = Buffer.concat([lengthPrefixed(this.#member.topic), Buffer.from([NO_LOCAL])]);
    return packet((PacketType.subscribe << 4) | 0x02, Buffer.concat([packetId, noProperties, filter]));
  }
}

/** Topic and no properties: what comes before the payload. */
function publishHead(topic: string): Buffer {
  return Buffer.concat([lengthPrefixed(topic), Buffer.from([0])]);
}

function lengthPrefixed(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length >>> 8, bytes.length & 0xff]), bytes]);
}

function packet(first: number, body: Buffer): Buffer {
  const header = [first];
  // MQTT 5.0 section 1.5.5: seven bits at a time, low first.
  for (let rest = body.length; header.length === 1 || rest > 0; rest >>>= 7) {
    header.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
  }
  return Buffer.concat([Buffer.from(header), body]);
}
