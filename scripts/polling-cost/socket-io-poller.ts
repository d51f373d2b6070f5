import type { Target } from "../bench/generator/connection.ts";
import { HttpConnection } from "./http-connection.ts";
import type { CreatePoller, Deliveries, Poller } from "./poller.ts";

const PATH = "/socket.io/?EIO=4&transport=polling";
/** Engine.IO's first digit and Socket.IO's second; the join asks for an acknowledgement with number 1. */
const OPEN_NAMESPACE = "40";
const JOINED = "431";
const PING = "2";
const PONG = "3";
const DATA = '42["data"';
/** Between the packets of one body. */
const SEPARATOR = "\u001e";

/** Polls as Socket.IO's client does: one poll under way, and one post beside it. */
class SocketIoPoller implements Poller {
  readonly #target: Target;
  readonly #topic: string;
  readonly #deliveries: Deliveries;
  readonly #joined = Promise.withResolvers<void>();
  #polls: HttpConnection | undefined;
  #posts: HttpConnection | undefined;
  #path = PATH;
  #isOver = false;

  constructor(target: Target, topic: string, deliveries: Deliveries) {
    this.#target = target;
    this.#topic = topic;
    this.#deliveries = deliveries;
  }

  async open(): Promise<void> {
    this.#polls = await HttpConnection.open(this.#target);
    const handshake = (await this.#polls.ask(`GET ${PATH} HTTP/1.1`)).toString();
    const { sid } = JSON.parse(handshake.slice(1)) as { readonly sid: string };
    this.#path = `${PATH}&sid=${sid}`;
    await this.#say(OPEN_NAMESPACE);
    this.#poll(this.#polls).catch((error: Error) => {
      if (this.#isOver) return;
      this.#joined.reject(error);
      this.#deliveries.onFailure(error);
    });
    await this.#joined.promise;
  }

  close(): void {
    this.#isOver = true;
    this.#polls?.close();
    this.#posts?.close();
  }

  async #poll(first: HttpConnection): Promise<void> {
    for (let connection = first; !this.#isOver; ) {
      if (!connection.isOpen) connection = this.#polls = await HttpConnection.open(this.#target);
      const body = await connection.ask(`GET ${this.#path} HTTP/1.1`);
      for (const packet of body.toString().split(SEPARATOR)) await this.#hear(packet);
    }
  }

  async #hear(packet: string): Promise<void> {
    if (packet.startsWith(DATA)) this.#deliveries.onDelivery();
    else if (packet === PING) await this.#say(PONG);
    else if (packet.startsWith(OPEN_NAMESPACE)) await this.#say(`421${JSON.stringify(["join", this.#topic])}`);
    else if (packet.startsWith(JOINED)) this.#joined.resolve();
  }

  async #say(packet: string): Promise<void> {
    if (this.#posts?.isOpen !== true) this.#posts = await HttpConnection.open(this.#target);
    await this.#posts.ask(`POST ${this.#path} HTTP/1.1\r\nContent-Type: text/plain;charset=UTF-8`, Buffer.from(packet));
  }
}

/** Over Socket.IO's polling transport. */
export const socketIoPoller: CreatePoller = (target, topic, _index, deliveries) =>
  new SocketIoPoller(target, topic, deliveries);
