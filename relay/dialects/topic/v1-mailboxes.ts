import type { ErrorCode } from "../../../protocol/error-codes.ts";
import {
  encodeV1MailboxRelayMessage,
  mailboxKeyText,
  mailboxProofText,
  type V1MailboxMessage,
} from "../../../protocol/v1-mailbox-messages.ts";
import type { Peer } from "../../hub/peer.ts";
import type { Member } from "../../hub/topic.ts";
import { BytesPayload } from "../../session/payload.ts";
import type { ConnectionLink, SessionConnection } from "../../session/ports.ts";
import type { Feed } from "../../store/feed.ts";
import type { Mailboxes } from "../../store/mailboxes.ts";
import { hashOfSecret, isSignedBy, newMessageId, newNonce } from "../../store/owner-proof.ts";
import type { StoredMessage } from "../../store/ports.ts";
import { StoreError } from "../../store/store-error.ts";
import { SealingKeys } from "./sealing-keys.ts";
import type { SessionParts } from "./session-parts.ts";

/** While more than this waits for a client, it is given no more of its mailboxes: its topics are not to wait for them. */
const ROOM_BYTES = 65_536;
/** What a client may have on its way to the store before it is not read. */
const MAX_UNDER_WAY = 64;
const MAX_UNDER_WAY_BYTES = 1_048_576;
/** How a message stands in the store: text, or the bytes for which base64 stood. */
const [AS_TEXT, AS_BYTES] = ["t", "b"];

/** What a client has asked to open, and how. */
type Challenge = { readonly nonce: string; readonly cursor: number; readonly marksCurrent: boolean };

type Of<Type extends V1MailboxMessage["type"]> = Extract<V1MailboxMessage, { readonly type: Type }>;

/** What it has of its connection. */
export type MailboxesOwn = {
  readonly parts: SessionParts;
  readonly link: ConnectionLink;
  readonly connection: SessionConnection;
  readonly peer: Peer<Member>;
  /** The host that the client dialled. */
  readonly host: string;
  readonly answer: (text: string) => void;
  /** The same for what nobody asked for. */
  readonly tell: (text: string) => void;
  readonly refuse: (code: ErrorCode, ref: number | undefined) => void;
  /** Stops reading the client, and reads it again: as often as the one, so often the other. */
  readonly hold: () => void;
  readonly release: () => void;
  /** Calls back when a peer that is congested has room again. */
  readonly whenRoom: (callback: () => void) => void;
};

/** The mailboxes of one connection: those that it has proved to be its own, and what it deposits in others. */
export class V1Mailboxes {
  readonly #own: MailboxesOwn;
  readonly #challenges = new Map<string, Challenge>();
  /** Those that it has proved; undefined: it is given nothing of them any more. */
  readonly #open = new Map<string, Feed | undefined>();
  #underWayCount = 0;
  #underWayBytes = 0;
  #isHeld = false;
  #isWaiting = false;
  #isUsed = false;

  constructor(own: MailboxesOwn) {
    this.#own = own;
  }

  /** Whether it has deposited, or opened one: then the connection is in use, though it be in no topic. */
  get isUsed(): boolean {
    return this.#isUsed;
  }

  /** @param dataText the inside of `data` as it came. @returns why the message was not taken, if it was not. */
  apply(message: V1MailboxMessage, dataText: Uint8Array): ErrorCode | undefined {
    const { parts, connection } = this.#own;
    if (parts.mailboxes === undefined) return "mailboxes-off";
    if (!connection.access.mayUseMailboxes) return "not-permitted";
    switch (message.type) {
      case "deposit":
        return this.#deposit(message, BytesPayload.fromJsonText(dataText), parts.mailboxes);
      case "open-mailbox":
        return this.#challenge(message);
      case "prove":
        return this.#prove(message);
      case "delete":
        return this.#delete(message);
      case "close-mailbox":
        return this.#close(message);
      case "bound-mailbox":
        return this.#bound(message);
      case "publish-key":
        return this.#publishKey(message);
      case "find-key":
        return this.#findKey(message);
    }
  }

  /** Gives nothing more; what the client says is still taken. */
  end(): void {
    for (const [mailbox, feed] of this.#open) {
      if (feed !== undefined) this.#own.parts.mailboxes?.close(feed);
      this.#open.set(mailbox, undefined);
    }
    this.#challenges.clear();
  }

  #deposit(message: Of<"deposit">, payload: BytesPayload, mailboxes: Mailboxes): ErrorCode | undefined {
    const { parts } = this.#own;
    if (payload.isLargerThan(parts.limits.maxPayloadBytes)) return "payload-too-large";
    this.#isUsed = true;
    const raw = payload.raw();
    // What was decoded is nobody else's; text looks into the chunk that it came in.
    const data = raw ?? Uint8Array.from(payload.jsonText());
    const { id = newMessageId(mailboxes.nowMs()) } = message;
    this.#track(data.length, message.ref, () =>
      this.#store({ ...message, id }, { data, note: raw === null ? AS_TEXT : AS_BYTES }),
    );
    return undefined;
  }

  async #store(
    { mailbox, id, expiresInMs, collapseKey, secret, ref }: Of<"deposit"> & { readonly id: string },
    { data, note = "" }: { readonly data: Uint8Array; readonly note: string | undefined },
  ): Promise<ErrorCode | undefined> {
    const { connection, answer, parts } = this.#own;
    const { mailboxes, depositRules } = parts;
    if (mailboxes === undefined || depositRules === undefined) return "mailboxes-off";
    if (!(await depositRules.allow(mailbox, { secret, provedKeys: this.#open }))) return "deposit-refused";
    // Nobody takes the place of what somebody else has deposited.
    const collapse =
      collapseKey === undefined ? {} : { collapseKey: hashOfSecret(`${connection.access.subject}\n${collapseKey}`) };
    const expiry = expiresInMs === undefined ? {} : { expiresInMs };
    const { outcome } = await mailboxes.deposit({ mailbox: nameOf(mailbox), id, data, note, ...collapse, ...expiry });
    if (outcome === "mailbox-full" || outcome === "store-full") return "mailbox-full";
    answer(encodeV1MailboxRelayMessage({ type: "deposited", mailbox, id, ref }));
    return undefined;
  }

  #challenge({ mailbox, cursor = 0, marksCurrent = false, ref }: Of<"open-mailbox">): ErrorCode | undefined {
    const { parts, host, answer } = this.#own;
    const isNew = !this.#open.has(mailbox) && !this.#challenges.has(mailbox);
    if (isNew && this.#open.size + this.#challenges.size >= parts.limits.maxTopicsPerConnection)
      return "too-many-mailboxes";
    const nonce = newNonce();
    this.#challenges.set(mailbox, { nonce, cursor, marksCurrent });
    answer(encodeV1MailboxRelayMessage({ type: "challenge", mailbox, host, nonce, ref }));
    return undefined;
  }

  /** A challenge is good once, whatever comes of it. */
  #prove({ mailbox, signature, ref }: Of<"prove">): ErrorCode | undefined {
    const { parts, host, answer, tell } = this.#own;
    const challenge = this.#challenges.get(mailbox);
    this.#challenges.delete(mailbox);
    if (challenge === undefined) return "mailbox-not-open";
    const text = mailboxProofText(mailbox, { host, nonce: challenge.nonce });
    if (!isSignedBy(mailbox, text, signature)) return "proof-invalid";
    this.#isUsed = true;
    const before = this.#open.get(mailbox);
    if (before !== undefined) parts.mailboxes?.close(before);
    answer(encodeV1MailboxRelayMessage({ type: "mailbox-opened", mailbox, ref }));
    const feed = parts.mailboxes?.open({
      mailbox: nameOf(mailbox),
      after: { rank: 0, sequence: challenge.cursor },
      give: (message) => this.#give(mailbox, message),
      caughtUp: () => {
        if (challenge.marksCurrent) tell(encodeV1MailboxRelayMessage({ type: "mailbox-current", mailbox }));
      },
      failed: () => this.#failed(mailbox),
    });
    this.#open.set(mailbox, feed);
    return undefined;
  }

  #delete({ mailbox, sequence, ref }: Of<"delete">): ErrorCode | undefined {
    if (!this.#open.has(mailbox)) return "mailbox-not-open";
    this.#track(0, ref, async () => {
      const { parts, answer } = this.#own;
      await parts.mailboxes?.remove({ mailbox: nameOf(mailbox), sequence });
      if (ref !== undefined) answer(encodeV1MailboxRelayMessage({ type: "deleted", mailbox, sequence, ref }));
      return undefined;
    });
    return undefined;
  }

  #close({ mailbox }: Of<"close-mailbox">): ErrorCode | undefined {
    if (!this.#open.has(mailbox)) return "mailbox-not-open";
    const feed = this.#open.get(mailbox);
    if (feed !== undefined) this.#own.parts.mailboxes?.close(feed);
    this.#open.set(mailbox, undefined);
    return undefined;
  }

  #bound({ mailbox, depositors, secret, ref }: Of<"bound-mailbox">): ErrorCode | undefined {
    const { parts, answer } = this.#own;
    const { depositRules } = parts;
    if (depositRules === undefined || !this.#open.has(mailbox)) return "mailbox-not-open";
    this.#track(0, ref, async () => {
      if (!(await depositRules.set(mailbox, { depositors, secret }))) return "mailbox-full";
      answer(encodeV1MailboxRelayMessage({ type: "mailbox-bounded", mailbox, ref }));
      return undefined;
    });
    return undefined;
  }

  #publishKey({ mailbox, key, signature, ref }: Of<"publish-key">): ErrorCode | undefined {
    const { parts, answer } = this.#own;
    const { mailboxes } = parts;
    if (mailboxes === undefined || !this.#open.has(mailbox)) return "mailbox-not-open";
    if (!isSignedBy(mailbox, mailboxKeyText(mailbox, key), signature)) return "proof-invalid";
    this.#track(0, ref, async () => {
      if (!(await new SealingKeys(mailboxes).keep(mailbox, { key, signature }))) return "mailbox-full";
      answer(encodeV1MailboxRelayMessage({ type: "key-published", mailbox, ref }));
      return undefined;
    });
    return undefined;
  }

  #findKey({ mailbox, ref }: Of<"find-key">): ErrorCode | undefined {
    const { parts, answer } = this.#own;
    const { mailboxes, limits } = parts;
    if (mailboxes === undefined) return "mailboxes-off";
    this.#isUsed = true;
    this.#track(0, ref, async () => {
      const found = await new SealingKeys(mailboxes).find(mailbox);
      if (found === undefined) return "no-such-mailbox";
      const { maxPayloadBytes } = limits;
      answer(encodeV1MailboxRelayMessage({ type: "mailbox-key", mailbox, ...found, maxPayloadBytes, ref }));
      return undefined;
    });
    return undefined;
  }

  #give(mailbox: string, { sequence, id, depositedAtMs, note, data }: StoredMessage): boolean {
    const { peer, link, tell } = this.#own;
    const text = textOf(note === AS_TEXT ? BytesPayload.fromJsonText(data) : BytesPayload.fromRaw(data));
    tell(encodeV1MailboxRelayMessage({ type: "mailbox-message", mailbox, sequence, id, depositedAtMs, data: text }));
    if (peer.outbox.hasRoom && link.bufferedBytes < ROOM_BYTES) return true;
    this.#awaitRoom();
    return false;
  }

  /** Of the two callbacks one may be lost to somebody else's: both lead to the same. */
  #awaitRoom(): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    const { peer, link, whenRoom } = this.#own;
    const resume = (): void => {
      if (!this.#isWaiting) return;
      this.#isWaiting = false;
      for (const feed of this.#open.values()) feed?.resume();
    };
    if (peer.outbox.hasRoom) link.whenBelow(ROOM_BYTES / 2, resume);
    whenRoom(resume);
  }

  /** It has to be opened again. */
  #failed(mailbox: string): void {
    const feed = this.#open.get(mailbox);
    if (feed === undefined) return;
    this.#own.parts.mailboxes?.close(feed);
    this.#open.delete(mailbox);
    this.#own.refuse("store-failed", undefined);
  }

  /** Does something that ends with the store; the client is not read while it has too much of that. */
  #track(bytes: number, ref: number | undefined, work: () => Promise<ErrorCode | undefined>): void {
    this.#underWayCount += 1;
    this.#underWayBytes += bytes;
    const isTooMuch = this.#underWayCount >= MAX_UNDER_WAY || this.#underWayBytes >= MAX_UNDER_WAY_BYTES;
    if (isTooMuch && !this.#isHeld) {
      this.#isHeld = true;
      this.#own.hold();
    }
    void this.#finish(bytes, ref, work);
  }

  /** Never rejects. */
  async #finish(bytes: number, ref: number | undefined, work: () => Promise<ErrorCode | undefined>): Promise<void> {
    const { connection, peer, refuse } = this.#own;
    try {
      const code = await work();
      if (code !== undefined && !peer.isOver) refuse(code, ref);
    } catch (error) {
      // What the store could not do has not been done. Anything else is a defect.
      if (!(error instanceof StoreError)) connection.failed(error);
      else if (!peer.isOver) refuse("store-failed", ref);
    } finally {
      this.#done(bytes);
    }
  }

  #done(bytes: number): void {
    this.#underWayCount -= 1;
    this.#underWayBytes -= bytes;
    if (!this.#isHeld || this.#underWayCount >= MAX_UNDER_WAY / 2 || this.#underWayBytes >= MAX_UNDER_WAY_BYTES / 2)
      return;
    this.#isHeld = false;
    this.#own.release();
  }
}

/** The name of a mailbox in the store. */
function nameOf(mailbox: string): string {
  return `keys/${mailbox}`;
}

/** What stands between the quotes of a JSON string, as the string that it is. */
function textOf(payload: BytesPayload): string {
  return String(JSON.parse(`"${Buffer.from(payload.jsonText()).toString()}"`));
}
