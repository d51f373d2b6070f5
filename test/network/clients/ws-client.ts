import { createInterface } from "node:readline";
import { WebSocket } from "ws";
import { encodeBinaryClientData } from "../../../protocol/v1-binary.ts";
import type { ClientEvent, Plan, Sending } from "../plan.ts";

/** Messages of one sender that the library may have at one time. */
const IN_FLIGHT = 2;
const OPENED_AT_ONCE = 20;
const DATA_START = Buffer.from('{"type":"data"');

function tell(event: ClientEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

/** One connection of npm `ws`, with its defaults, that does what a plan says. */
class Connection {
  /** Resolves when it is in its first topic, or closed. */
  readonly joined: Promise<void>;
  readonly #plan: Plan;
  readonly #socket: WebSocket;
  readonly #names = new Map<number, string>();
  readonly #handles = new Map<string, number>();
  #sentCount = 0;
  #inFlight = 0;
  #isBegun = false;
  #isHeldBack = false;
  #mayReadAtMs = 0;
  #hasJoined: () => void = () => undefined;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.joined = new Promise((resolve) => {
      this.#hasJoined = resolve;
    });
    const subprotocols = plan.form === "classic" ? [] : ["postern.v1"];
    this.#socket = new WebSocket(plan.url, subprotocols, {
      rejectUnauthorized: false,
      autoPong: plan.keepalive !== "mute",
    });
    this.#socket.on("open", () => this.#join());
    this.#socket.on("message", (bytes: Buffer, isBinary) => this.#take(bytes, isBinary));
    this.#socket.on("error", () => undefined);
    this.#socket.on("close", (code, reason) => {
      this.#hasJoined();
      tell({ name: plan.name, event: "closed", code, reason: reason.toString() });
    });
  }

  begin(): void {
    this.#isBegun = true;
    this.#sendMore();
  }

  #join(): void {
    const { name, form, topics } = this.#plan;
    for (const topic of topics) {
      this.#socket.send(
        JSON.stringify({ type: "join", topic, peerId: name, ...(form === "binary" && { encoding: form }) }),
      );
      // The original's protocol has no answer to a join: a pong comes behind it.
      if (form === "classic") this.#socket.ping("join", true, () => undefined);
    }
    this.#socket.on("pong", (payload) => {
      if (payload.toString() === "join") this.#tellJoined(name, topics[0] ?? "");
    });
  }

  #tellJoined(name: string, topic: string): void {
    this.#hasJoined();
    tell({ name, event: "joined", topic });
  }

  #take(bytes: Buffer, isBinary: boolean): void {
    if (this.#plan.isDeaf === true && (isBinary || bytes.subarray(0, DATA_START.length).equals(DATA_START))) return;
    if (isBinary) this.#message(this.#names.get(bytes.readUInt32BE(8)) ?? "", bytes.subarray(12));
    else this.#takeText(JSON.parse(bytes.toString()) as Record<string, unknown>);
    this.#slowDown(bytes.length);
  }

  #takeText(message: Record<string, unknown>): void {
    const { name, send } = this.#plan;
    const { type, topic, peerId } = message as Record<string, string>;
    if (type === "joined") {
      this.#handles.set(topic ?? "", Number(message["topicHandle"]));
      const members = message["members"] as { readonly peerId: string; readonly peerHandle: number }[];
      for (const member of members) this.#names.set(member.peerHandle, member.peerId);
      this.#tellJoined(name, topic ?? "");
      if (members.length > 0) this.#met(topic);
    } else if (type === "peer-joined") {
      this.#names.set(Number(message["peerHandle"]), peerId ?? "");
      this.#met(topic);
    } else if (type === "data") this.#message(peerId ?? "", Buffer.from(String(message["data"]), "base64"));
    else if (type === "peer-left") {
      tell({ name, event: "peer-left", peerId: peerId ?? "" });
      // Whoever never stops would keep a processor busy for nobody.
      if (topic === send?.topic && send?.count === 0 && send.isEndless !== true) this.#isBegun = false;
    } else if (type === "congested" || type === "relieved") {
      tell({ name, event: type });
      this.#isHeldBack = type === "congested" && send?.isPolite === true;
      this.#sendMore();
    }
  }

  #message(from: string, payload: Uint8Array): void {
    const index = Number(Buffer.from(payload.buffer, payload.byteOffset, 8).toString());
    tell({ name: this.#plan.name, event: "message", from, index, bytes: payload.length });
  }

  #slowDown(byteCount: number): void {
    const { readBytesPerSecond = 0 } = this.#plan;
    if (readBytesPerSecond === 0) return;
    const nowMs = performance.now();
    const isReading = this.#mayReadAtMs <= nowMs;
    this.#mayReadAtMs = Math.max(nowMs, this.#mayReadAtMs) + (byteCount / readBytesPerSecond) * 1000;
    // What the library has taken from the kernel it emits all the same; then it waits for as long as that took.
    if (isReading) setTimeout(() => this.#readOn(), 0);
  }

  #readOn(): void {
    const waitMs = this.#mayReadAtMs - performance.now();
    if (waitMs <= 0) this.#socket.resume();
    else {
      this.#socket.pause();
      setTimeout(() => this.#readOn(), waitMs);
    }
  }

  #met(topic: string | undefined): void {
    const { send } = this.#plan;
    if (send?.begins === "when-met" && (topic === undefined || topic === send.topic) && !this.#isBegun) this.begin();
  }

  #sendMore(): void {
    const { name, send } = this.#plan;
    if (send === undefined || !this.#isBegun) return;
    while (!this.#isHeldBack && this.#inFlight < IN_FLIGHT && (send.count === 0 || this.#sentCount < send.count)) {
      const index = this.#sentCount;
      this.#sentCount += 1;
      this.#inFlight += 1;
      this.#socket.send(this.#write(send, index), (error) => {
        this.#inFlight -= 1;
        if (error) return;
        tell({ name, event: "sent", index });
        this.#sendMore();
      });
    }
  }

  #write({ topic, sizeBytes }: Sending, index: number): string | Uint8Array {
    const payload = Buffer.alloc(sizeBytes, "x");
    payload.write(String(index).padStart(8, "0"));
    if (this.#plan.form === "binary") {
      return encodeBinaryClientData({ topicHandle: this.#handles.get(topic) ?? 0, to: undefined, payload });
    }
    const data = payload.toString("base64");
    return JSON.stringify(this.#plan.form === "classic" ? { type: "data", data } : { type: "data", topic, data });
  }
}

const connections = new Map<string, Connection>();

/** A few at a time: a relay has a bound for those that have not joined. */
async function openAll(plans: readonly Plan[]): Promise<void> {
  for (let at = 0; at < plans.length; at += OPENED_AT_ONCE) {
    const opened = plans.slice(at, at + OPENED_AT_ONCE).map((plan) => {
      const connection = new Connection(plan);
      connections.set(plan.name, connection);
      return connection.joined;
    });
    await Promise.all(opened);
  }
}

// The first line of the standard input is the plans, each further one the name of a sender that may begin.
createInterface(process.stdin).on("line", (line) => {
  if (connections.size === 0) void openAll(JSON.parse(line) as Plan[]);
  for (const [name, connection] of connections) if (line === name || line === "all") connection.begin();
});
