import { Counter } from "../../counter.ts";
import type { TurnTime } from "../../hub/ports.ts";
import { Traffic } from "../../hub/traffic.ts";
import type {
  Asked,
  Close,
  ConnectionLink,
  Dialect,
  Route,
  Session,
  SessionConnection,
  TrafficReading,
} from "../../session/ports.ts";
import type { Mailboxes } from "../../store/mailboxes.ts";
import { looksLikeFrame } from "./envelope.ts";
import { Identities } from "./identities.ts";
import { KeptNoiseKey } from "./kept-noise-key.ts";
import { type MailboxParts, type MailboxRejection, mailboxRejections } from "./mailbox-parts.ts";
import { type MailboxRateOptions, MailboxRates } from "./mailbox-rates.ts";
import { MailboxSession, RESTART_CLOSE } from "./mailbox-session.ts";
import { isNoiseStart } from "./noise.ts";
import { Presences } from "./presences.ts";

const CLIENT = "vauchi";
/** Kept free for what relays of the original say to each other. */
const FEDERATION_PATH = "/federation";
const JSON_TYPE = "application/json";

/** What its clients are held to. */
type MailboxDialectOptions = MailboxRateOptions & {
  readonly sweepIntervalMs: number;
  readonly mailboxMaxMessageBytes: number;
  readonly mailboxIdleTimeoutMs: number;
  readonly mailboxRequireSignature: boolean;
  readonly mailboxRequireNoise: boolean;
  readonly mailboxNoiseKey: string;
};

type Page = { readonly status: number; readonly body: string };

/** What it is made with. */
export type MailboxDialectParts = {
  /** Undefined: the relay keeps none, and this dialect cannot be. */
  readonly mailboxes: Mailboxes | undefined;
  readonly time: Pick<TurnTime, "nowMs">;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
  readonly mailboxOptions: MailboxDialectOptions;
};

/** Store and forward: messages wait in the mailbox of a key until its owner has taken them. The README beside this has the rules. */
export class MailboxDialect implements Dialect {
  readonly name = "mailbox";
  readonly prefix = "/vauchi";
  readonly clients: readonly string[] = [CLIENT];
  readonly extraSilentSweeps: number;
  readonly maxMessageBytes: number;
  readonly restartClose: Close = RESTART_CLOSE;
  readonly #parts: MailboxParts;
  readonly #startedAtMs: number;
  readonly #rejected = new Counter<MailboxRejection>(mailboxRejections);
  readonly #noiseKey: KeptNoiseKey;

  /** @param mailboxes those of the relay. */
  constructor({ mailboxOptions, time, nowMs }: MailboxDialectParts, mailboxes: Mailboxes) {
    const { sweepIntervalMs, mailboxIdleTimeoutMs, mailboxMaxMessageBytes } = mailboxOptions;
    // Its clients read in bursts: they are not cut off for a pong that is late.
    this.extraSilentSweeps = Math.ceil(mailboxIdleTimeoutMs / sweepIntervalMs);
    this.maxMessageBytes = mailboxMaxMessageBytes;
    this.#startedAtMs = time.nowMs;
    this.#noiseKey = new KeptNoiseKey(mailboxes, mailboxOptions.mailboxNoiseKey);
    const requiresSignature = mailboxOptions.mailboxRequireSignature;
    this.#parts = {
      mailboxes,
      identities: new Identities(mailboxes, nowMs, { requiresSignature }),
      presences: new Presences(),
      rates: new MailboxRates(mailboxOptions),
      received: new Traffic(),
      sent: new Traffic(),
      time,
      epochMs: nowMs,
      noiseKey: () => this.#noiseKey.get(),
      reject: (reason) => this.#rejected.add(reason),
      options: mailboxOptions,
    };
  }

  claims({ path, place }: Asked): boolean {
    return place === "own" ? path !== FEDERATION_PATH : path === "/";
  }

  claimsFirst(message: Uint8Array, isBinary: boolean): boolean {
    return isBinary && (isNoiseStart(message) || looksLikeFrame(message));
  }

  chooseSubprotocol(): undefined {
    // Its clients offer none.
  }

  clientOf(): string {
    return CLIENT;
  }

  open(link: ConnectionLink, connection: SessionConnection): Session {
    return new MailboxSession(this.#parts, link, connection);
  }

  get routes(): readonly Route[] {
    const healthy = ["/health", "/up"].map((path) => this.#page(path, () => this.#health({ isReady: true })));
    const nothing = { status: 200, body: JSON.stringify({ error: "This is a WebSocket relay endpoint" }) };
    return [
      ...healthy,
      this.#page("/ready", async () => this.#health({ isReady: await this.#storeAnswers() })),
      this.#page("/pubkey", () => this.#publicKey(), "text/plain"),
      this.#page("/", () => nothing),
      this.#page("/*", () => nothing),
    ];
  }

  figures(): { readonly health: Readonly<Record<string, number>>; readonly stats: Readonly<Record<string, number>> } {
    return { health: { blob_count: this.#parts.mailboxes.reading().messageCount }, stats: {} };
  }

  lookAround(): void {
    const { presences, rates, time } = this.#parts;
    rates.lookAround(time.nowMs, (id) => presences.isHere(id));
  }

  traffic(): readonly TrafficReading[] {
    const { received, sent } = this.#parts;
    return [{ dialect: this.name, client: CLIENT, encoding: "json", received, sent }];
  }

  rejected(): Readonly<Record<string, number>> {
    return this.#rejected.read();
  }

  #health({ isReady }: { readonly isReady: boolean }): Page {
    const { mailboxes, time } = this.#parts;
    const uptime = Math.trunc((time.nowMs - this.#startedAtMs) / 1000);
    const { messageCount } = mailboxes.reading();
    return {
      status: isReady ? 200 : 503,
      body: JSON.stringify({
        status: isReady ? "healthy" : "unavailable",
        version: "1.1.0",
        uptime_seconds: uptime,
        blob_count: messageCount,
      }),
    };
  }

  async #storeAnswers(): Promise<boolean> {
    try {
      await this.#parts.mailboxes.store.sizeOf({ mailbox: "-" });
      return true;
    } catch {
      // It says so itself, to those who use it.
      return false;
    }
  }

  async #publicKey(): Promise<Page> {
    try {
      const { publicBytes } = await this.#noiseKey.get();
      return { status: 200, body: Buffer.from(publicBytes).toString("base64url") };
    } catch {
      // The store failed, and has said so.
      return { status: 503, body: "" };
    }
  }

  #page(path: string, answer: () => Page | Promise<Page>, contentType = JSON_TYPE): Route {
    const answerAs = async () => ({ contentType, ...(await answer()) });
    return { method: "GET", path, place: "own", maxBodyBytes: 0, answer: answerAs };
  }
}
