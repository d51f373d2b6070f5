import { CloseCode } from "../../../protocol/close-codes.ts";
import { closeFor, NOT_PERMITTED_CLOSE } from "../../session/access-closes.ts";
import type { Close, ConnectionLink, Session, SessionConnection } from "../../session/ports.ts";
import type { Feed } from "../../store/feed.ts";
import type { StoredMessage } from "../../store/ports.ts";
import { StoreError } from "../../store/store-error.ts";
import { decodeClientMessage, decodeHandshake, type HandshakeMessage } from "./client-messages.ts";
import { decodeFrame, type Envelope } from "./envelope.ts";
import { MailboxLine } from "./mailbox-line.ts";
import { blobsOf, type Client, devicesOf, type MailboxParts } from "./mailbox-parts.ts";
import type { MailboxRate } from "./mailbox-rates.ts";
import { isNoiseStart, NoiseKey, NoiseSession } from "./noise.ts";
import { type Note, readNote } from "./note.ts";
import { Requests } from "./requests.ts";

/** How its connections are closed on a planned stop. */
export const RESTART_CLOSE: Close = { code: CloseCode.serviceRestart, reason: "the relay restarts" };
/** The original drops the connection: clients see no reason, and try again. */
const STORE_CLOSE: Close = { code: CloseCode.tryAgainLater, reason: "the store failed" };
const START = { rank: 0, sequence: 0 };
/** What the original names: its clients may look for a word in it. */
const FEATURES = [
  "routing_token",
  "suppress_presence",
  "purge",
  "device_sync",
  "recovery_proof",
  "account_revoked",
  "forwarding_hints",
  "authenticated_handshake",
];
/** Of the original whose protocol this is. */
const SERVER_VERSION = "1.1.0";

/** What is known after the handshake. */
type Open = {
  readonly client: Client;
  readonly rate: MailboxRate;
  readonly requests: Requests;
  readonly feeds: Set<Feed>;
};

/** One client of the mailbox dialect. The README beside this has the rules. */
export class MailboxSession implements Session {
  readonly #parts: MailboxParts;
  readonly #connection: SessionConnection;
  readonly #line: MailboxLine;
  #open: Open | undefined;
  #isOver = false;

  constructor(parts: MailboxParts, link: ConnectionLink, connection: SessionConnection) {
    this.#parts = parts;
    this.#connection = connection;
    const { sent, epochMs: nowMs } = parts;
    this.#line = new MailboxLine({ link, sent, nowMs, onRoom: () => this.#resume() });
  }

  get hasJoined(): boolean {
    return this.#open !== undefined;
  }

  receive(message: Uint8Array, isBinary: boolean): void {
    if (this.#isOver) return;
    this.#parts.received.add(1, message.length);
    if (this.#open === undefined) this.#receiveFirst(message, isBinary);
    else if (isBinary) this.#receiveNext(this.#open, message);
    else this.#parts.reject("bad-message");
  }

  announceRestart(): void {
    // Its clients have no word for it: they see close code 1012.
  }

  refuseNew(): void {
    // Nor for this: what they send is taken to the end.
  }

  hearOut(): void {
    this.#line.end();
    this.#endFeeds();
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#line.end();
    this.#endFeeds();
    if (this.#open !== undefined) this.#parts.presences.leave(this.#open.client.mailbox, this.#open.requests);
  }

  #receiveFirst(message: Uint8Array, isBinary: boolean): void {
    const { access } = this.#connection;
    if (!access.isGranted) {
      access.denied();
      this.#refuse(closeFor("missing"));
    } else if (!access.mayUseMailboxes) this.#refuse(NOT_PERMITTED_CLOSE);
    else if (!isBinary) this.#refuseHandshake("a binary frame comes first");
    else if (!this.#line.isNoise && isNoiseStart(message)) this.#startNoise(message);
    else if (!this.#line.isNoise && this.#parts.options.mailboxRequireNoise) this.#refuseHandshake("Noise required");
    else this.#shakeHands(message);
  }

  #startNoise(message: Uint8Array): void {
    const frame = Uint8Array.from(message);
    this.#whileHeld(async () => {
      const noise = NoiseSession.accept(frame, await this.#parts.noiseKey(), NoiseKey.generate());
      if (noise === undefined) this.#refuseHandshake("Noise failed");
      else this.#line.startNoise(noise);
    });
  }

  #shakeHands(message: Uint8Array): void {
    const opened = this.#line.opened(message);
    const envelope = opened && decodeFrame(opened);
    const handshake = envelope && decodeHandshake(envelope.payload);
    if (handshake === undefined) {
      this.#refuseHandshake("no handshake");
      return;
    }
    this.#whileHeld(async () => {
      const refusal = await this.#parts.identities.refusalOf(handshake);
      if (this.#isOver) return;
      if (refusal === undefined) this.#welcome(handshake);
      else this.#refuseHandshake(refusal);
    });
  }

  #welcome({ clientId, deviceId, routingToken, suppressesPresence }: HandshakeMessage): void {
    const { presences, rates, time } = this.#parts;
    const mailbox = routingToken ?? clientId;
    const client = { clientId, deviceId, mailbox, suppressesPresence };
    const requests = new Requests(this.#parts, this.#line, client);
    this.#open = { client, rate: rates.of(mailbox, time.nowMs), requests, feeds: new Set() };
    this.#connection.access.whenEnded((why) => this.#connection.end(closeFor(why)));
    presences.enter(mailbox, requests);
    // The name of a mailbox is in no log.
    this.#connection.joined("mailbox");
    const features = this.#line.isNoise ? [...FEATURES, "noise_nk"] : FEATURES;
    this.#line.send({ type: "HandshakeAck", protocol_version: 1, server_version: SERVER_VERSION, features });
    this.#feed(blobsOf(mailbox), {
      give: (message) => this.#giveBlob(message),
      caughtUp: () => {
        if (deviceId !== undefined) this.#feedDevice(clientId, deviceId);
      },
    });
  }

  /** What other devices have left for this one: as of now, not what comes. */
  #feedDevice(clientId: string, deviceId: string): void {
    const feed = this.#feed(devicesOf(clientId), {
      give: (message) => this.#giveDeviceSync(message, deviceId),
      caughtUp: () => {
        if (feed === undefined) return;
        this.#parts.mailboxes.close(feed);
        this.#open?.feeds.delete(feed);
      },
    });
  }

  #feed(
    mailbox: string,
    { give, caughtUp }: { readonly give: (message: StoredMessage) => boolean; readonly caughtUp: () => void },
  ): Feed | undefined {
    if (this.#isOver || this.#open === undefined) return undefined;
    const feed = this.#parts.mailboxes.open({
      mailbox,
      after: START,
      give,
      caughtUp,
      failed: () => this.#connection.end(STORE_CLOSE),
    });
    this.#open.feeds.add(feed);
    return feed;
  }

  #giveBlob(message: StoredMessage): boolean {
    const { client } = this.#open ?? {};
    const note = readNote(message.note);
    if (client === undefined) return false;
    const sender = note.senderId === undefined ? {} : { sender_id: note.senderId };
    const isGiven = this.#line.sendWithBytes(
      { type: "EncryptedUpdate", recipient_id: client.mailbox, ...sender },
      { name: "ciphertext", bytes: message.data },
      message.id,
    );
    if (!isGiven) this.#parts.reject("too-large-for-noise");
    else if (!client.suppressesPresence) this.#tellSender(message, note);
    return this.#goOn();
  }

  #giveDeviceSync({ id, data, note, rank }: StoredMessage, deviceId: string): boolean {
    const { targetDeviceId, senderDeviceId } = readNote(note);
    if (targetDeviceId !== deviceId) return true;
    const { clientId } = this.#open?.client ?? {};
    const ids = { identity_id: clientId, target_device_id: targetDeviceId, sender_device_id: senderDeviceId };
    const field = { name: "encrypted_payload", bytes: data, rest: { version: rank } };
    if (!this.#line.sendWithBytes({ type: "DeviceSyncMessage", ...ids }, field, id))
      this.#parts.reject("too-large-for-noise");
    return this.#goOn();
  }

  #tellSender({ sequence }: StoredMessage, { from, messageId }: Note): void {
    if (from !== undefined && messageId !== undefined) this.#parts.presences.tell(from, { sequence, messageId });
  }

  /** Whether there is room for more; if not, it goes on when there is. */
  #goOn(): boolean {
    if (this.#line.hasRoom) return true;
    this.#line.awaitRoom();
    return false;
  }

  #resume(): void {
    for (const feed of this.#open?.feeds ?? []) feed.resume();
  }

  #receiveNext({ rate, requests }: Open, message: Uint8Array): void {
    const { reject, time } = this.#parts;
    const opened = this.#line.opened(message);
    if (opened === undefined) reject("bad-message");
    else if (!rate.messages.tryTake(time.nowMs)) reject("over-rate");
    else {
      const envelope = decodeFrame(opened);
      if (envelope === undefined) reject("bad-message");
      else this.#take(requests, envelope, { opened, rate });
    }
  }

  #take(
    requests: Requests,
    { messageId, payload }: Envelope,
    { opened, rate }: { readonly opened: Uint8Array; readonly rate: MailboxRate },
  ): void {
    const message = decodeClientMessage(payload);
    const { reject, time } = this.#parts;
    if (message === undefined) reject("bad-message");
    else if (message.type.startsWith("Recovery") && !rate.recoveries.tryTake(time.nowMs)) reject("over-rate");
    else requests.take(message, { messageId, frame: opened }, (work) => this.#whileHeld(work));
  }

  /** Does what takes more than one step of the store, and reads the client when it is done. */
  #whileHeld(work: () => Promise<void>): void {
    this.#line.hold("work");
    work()
      .catch((error: unknown) => {
        if (error instanceof StoreError) this.#connection.end(STORE_CLOSE);
        else this.#connection.failed(error);
      })
      .finally(() => this.#line.release("work"));
  }

  #refuseHandshake(reason: string): void {
    this.#refuse({ code: CloseCode.policyViolation, reason });
  }

  #refuse(close: Close): void {
    this.#parts.reject("refused");
    this.#connection.end(close);
  }

  #endFeeds(): void {
    for (const feed of this.#open?.feeds ?? []) this.#parts.mailboxes.close(feed);
    this.#open?.feeds.clear();
  }
}
