import { randomBytes } from "node:crypto";
import { SUBPROTOCOL_V1 } from "../../protocol/subprotocol.ts";
import type { Target } from "../bench/generator/connection.ts";
import { FrameScanner } from "../bench/generator/frame-scanner.ts";
import type { ScanHandler } from "../bench/generator/scanner.ts";
import { V1BinarySession } from "../bench/generator/sessions/v1-binary.ts";
import { HttpConnection } from "./http-connection.ts";
import type { CreatePoller, Deliveries, Poller } from "./poller.ts";

const TOKEN_BYTES = 24;
/** Of a join's answer that names thousands of members. */
const KEEP_BYTES = 1_048_576;

/** Polls as the client does: one poll under way while nothing comes, two while something does. */
class PosternPoller implements Poller, ScanHandler {
  readonly #target: Target;
  readonly #session: V1BinarySession;
  readonly #deliveries: Deliveries;
  readonly #token = randomBytes(TOKEN_BYTES).toString("base64url");
  readonly #scanner = new FrameScanner(this, { keepBytes: KEEP_BYTES });
  readonly #joined = Promise.withResolvers<void>();
  readonly #early = new Map<number, Buffer>();
  #free: HttpConnection[] = [];
  #all: HttpConnection[] = [];
  #asked = new Set<number>();
  #receivedCount = 0;
  #wanted = 1;
  #isOver = false;

  constructor(target: Target, topic: string, index: number, deliveries: Deliveries) {
    this.#target = target;
    this.#deliveries = deliveries;
    const peerId = `p${String(index).padStart(5, "0")}`;
    this.#session = new V1BinarySession({
      index,
      peerId,
      topic,
      isReceiver: true,
      isSender: false,
      pairSide: undefined,
    });
  }

  async open(): Promise<void> {
    const connection = await this.#connection();
    const opening = `${this.#head("POST", 0)}\r\nPostern-Subprotocol: ${SUBPROTOCOL_V1}`;
    const verdict = await connection.ask(opening, this.#session.hello());
    if (verdict.toString().trim() !== "applied") throw new Error(`the relay says ${verdict.toString().trim()}`);
    this.#free.push(connection);
    this.#poll();
    await this.#joined.promise;
  }

  close(): void {
    this.#isOver = true;
    for (const connection of this.#all) connection.close();
  }

  onMessage(bytes: Uint8Array, start: number, byteCount: number): void {
    if (this.#session.isJoined) {
      if (byteCount === this.#deliveries.byteCount) this.#deliveries.onDelivery();
      return;
    }
    this.#session.hear("message", Buffer.from(bytes.subarray(start, start + byteCount)));
    if (this.#session.isJoined) this.#joined.resolve();
  }

  onControl(): void {
    // Its polls are answer enough to a ping.
  }

  #poll(): void {
    for (let number = this.#receivedCount; number < this.#receivedCount + this.#wanted; number += 1) {
      if (this.#isOver || this.#asked.has(number) || this.#early.has(number)) continue;
      this.#asked.add(number);
      this.#ask(number).catch((error: Error) => {
        if (this.#isOver) return;
        this.#joined.reject(error);
        this.#deliveries.onFailure(error);
      });
    }
  }

  async #ask(number: number): Promise<void> {
    this.#free = this.#free.filter(({ isOpen }) => isOpen);
    const received = `Postern-Received: ${this.#receivedCount}\r\nPostern-Wait: 20`;
    const head = `${this.#head("GET", number)}\r\n${received}`;
    let connection = this.#free.pop() ?? (await this.#connection());
    // One that was idle may be closed at this moment: as the client does, it asks for the same again.
    const batch = await connection.ask(head).catch(async (error: Error) => {
      if (this.#isOver || connection.isOpen) throw error;
      connection = await this.#connection();
      return connection.ask(head);
    });
    this.#free.push(connection);
    this.#asked.delete(number);
    this.#wanted = batch.length === 0 ? 1 : 2;
    if (batch.length > 0) this.#early.set(number, batch);
    for (
      let next = this.#early.get(this.#receivedCount);
      next !== undefined;
      next = this.#early.get(this.#receivedCount)
    ) {
      this.#early.delete(this.#receivedCount);
      this.#receivedCount += 1;
      this.#scanner.push(next, 0, next.length);
    }
    this.#poll();
  }

  #head(method: string, number: number): string {
    return `${method} / HTTP/1.1\r\nPostern-Session: ${this.#token}\r\nPostern-Number: ${number}`;
  }

  async #connection(): Promise<HttpConnection> {
    const connection = await HttpConnection.open(this.#target);
    this.#all.push(connection);
    return connection;
  }
}

/** Over this relay's long poll. */
export const posternPoller: CreatePoller = (target, topic, index, deliveries) =>
  new PosternPoller(target, topic, index, deliveries);
