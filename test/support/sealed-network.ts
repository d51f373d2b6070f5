import type { Clock } from "../../client/clock.ts";
import type { LineMember, TopicLine, TopicLineEvents, TopicLineOptions } from "../../client/line/topic-line.ts";
import { NodeCryptography } from "../../client/node/node-cryptography.ts";
import { NumberedTopic } from "../../client/numbered-topic.ts";
import type { Way } from "../../client/relays/route.ts";
import type { Cryptography } from "../../client/sealing/cryptography.ts";
import { deriveTopic, type TopicKeys } from "../../client/sealing/derivation.ts";
import { SealedPassage } from "../../client/sealing/sealed-passage.ts";
import { GroupSeals } from "../../client/sealing/seals.ts";
import type { Identity, SessionIdentity } from "../../client/session-identity.ts";
import { quietCryptography, watchCryptography } from "./quiet-cryptography.ts";
import { SimClock } from "./sim-clock.ts";

/** A frame on its way through the simulated relay, which sees who has sent it and to whom. */
export type Passing = {
  readonly from: SimLine;
  /** Undefined: to all. */
  readonly to: readonly number[] | undefined;
  readonly bytes: Uint8Array;
};

/** What the relay does with a frame for one receiver: nothing is nothing delivered. */
export type Tamper = (passing: Passing, receiver: SimLine) => readonly Uint8Array[];

/** What a member is, beside the keys of its topic. */
type MemberOptions = {
  readonly cryptography: Cryptography;
  readonly presence?: string | undefined;
  readonly identity?: SessionIdentity | undefined;
};

const USUAL_LATENCY_MS = 5;
const STEP_MS = 10;
const REJOIN_MS = 200;

/** One topic with sealed members on a relay that can do with their frames what it likes. Time is simulated. */
export class SealedNetwork {
  readonly clock: SimClock;
  /** From the relay to a member. */
  readonly latencyMs: number;
  readonly seen: Passing[] = [];
  readonly members: SealedMemberSim[] = [];
  tamper: Tamper = ({ bytes }) => [bytes];
  readonly #lines = new Set<SimLine>();
  #handle = 0;

  /** @param clock shared by several networks of one world. */
  constructor(clock: SimClock = new SimClock(), latencyMs: number = USUAL_LATENCY_MS) {
    this.clock = clock;
    this.latencyMs = latencyMs;
  }

  /** A member of the topic of these keys; of an own relay name where it is not the same topic. */
  add(keys: TopicKeys, cryptography: Cryptography = new NodeCryptography(), presence?: string): SealedMemberSim {
    return this.#admit(keys, { cryptography, presence });
  }

  /** A member that proves who it is. Its proofs are made by WebCrypto, which takes real time: see `settle`. */
  async addIdentified(keys: TopicKeys, identity: Identity, presence?: string): Promise<SealedMemberSim> {
    watchCryptography();
    const cryptography = new NodeCryptography();
    return this.#admit(keys, { cryptography, presence, identity: await identity.begin(cryptography, keys) });
  }

  /** Lets time pass, in small steps between which what WebCrypto does can end. */
  async settle(durationMs: number): Promise<void> {
    for (let passedMs = 0; passedMs < durationMs; passedMs += STEP_MS) {
      this.run(STEP_MS);
      await quietCryptography();
    }
  }

  #admit(keys: TopicKeys, options: MemberOptions): SealedMemberSim {
    const member = new SealedMemberSim(this, keys, options);
    this.members.push(member);
    return member;
  }

  /** A member that says nothing by itself, under any name: it may send any bytes. */
  addStranger(peerId: string): SimLine {
    const line = new SimLine(this, { peerId: () => peerId }, undefined);
    line.join();
    return line;
  }

  run(durationMs: number): void {
    this.clock.runUntil(this.clock.monotonicMs() + durationMs, () => undefined);
  }

  nextHandle(): number {
    this.#handle += 1;
    return this.#handle;
  }

  others(line: SimLine): LineMember[] {
    return [...this.#lines].filter((other) => other !== line).map(({ member }) => member);
  }

  enter(line: SimLine): void {
    for (const other of this.#lines) other.tell((events) => events.onPeerJoined(line.member));
    this.#lines.add(line);
  }

  exit(line: SimLine): void {
    if (!this.#lines.delete(line)) return;
    const { member } = line;
    for (const other of this.#lines) other.tell((events) => events.onPeerLeft(member));
  }

  pass(passing: Passing): void {
    this.seen.push(passing);
    for (const line of this.#lines) {
      if (line === passing.from || passing.to?.includes(line.member.peerHandle) === false) continue;
      const isAddressed = passing.to !== undefined;
      for (const bytes of this.tamper(passing, line))
        this.inject(line, passing.from.member.peerHandle, bytes, isAddressed);
    }
  }

  show({ member: { peerHandle, presence = "" } }: SimLine): void {
    for (const line of this.#lines) {
      if (line.member.peerHandle !== peerHandle) line.tell((events) => events.onPresence({ peerHandle, presence }));
    }
  }

  /** The relay dies without a word, and with it all that was on its way; its clients are back after so long. */
  kill(downMs: number): void {
    for (const line of this.#lines) line.cut(downMs);
  }

  /** Gives a member a frame as if another had sent it. */
  inject(line: SimLine, peerHandle: number, bytes: Uint8Array, isAddressed: boolean): void {
    line.tell((events) => events.onData({ peerHandle, payload: new Uint8Array(bytes), isAddressed }));
  }
}

/** The line of one member: it joins anew `REJOIN_MS` after each cut. */
export class SimLine implements TopicLine {
  readonly hasLists: boolean = true;
  readonly #network: SealedNetwork;
  readonly #options: TopicLineOptions;
  readonly #events: TopicLineEvents | undefined;
  /** How often it has joined: what was on its way for an earlier connection is lost. */
  #connection = 0;
  #isJoined = false;
  member: LineMember = { peerId: "", peerHandle: 0 };

  constructor(network: SealedNetwork, options: TopicLineOptions, events: TopicLineEvents | undefined) {
    this.#network = network;
    this.#options = options;
    this.#events = events;
  }

  get isWritable(): boolean {
    return this.#isJoined;
  }

  join(): void {
    this.#connection += 1;
    this.#isJoined = true;
    const peerId = this.#options.peerId() ?? "";
    this.member = { peerId, peerHandle: this.#network.nextHandle(), presence: this.#options.presence?.() };
    const members = this.#network.others(this);
    this.#network.enter(this);
    this.#events?.onJoined({ self: this.member, members, maxPayloadBytes: 65_536 });
    this.#events?.onWritable();
  }

  cut(rejoinMs: number = REJOIN_MS): void {
    if (!this.#isJoined) return;
    this.#isJoined = false;
    this.#connection += 1;
    this.#network.exit(this);
    this.#events?.onDown();
    const connection = this.#connection;
    this.#network.clock.after(rejoinMs, () => {
      if (this.#connection === connection) this.join();
    });
  }

  tell(what: (events: TopicLineEvents) => void): void {
    const connection = this.#connection;
    this.#network.clock.after(this.#network.latencyMs, () => {
      if (this.#connection === connection && this.#events !== undefined) what(this.#events);
    });
  }

  sendToAll(payload: Uint8Array): void {
    if (this.#isJoined) this.#network.pass({ from: this, to: undefined, bytes: new Uint8Array(payload) });
  }

  sendTo(to: readonly number[], payload: Uint8Array): void {
    if (this.#isJoined) this.#network.pass({ from: this, to, bytes: new Uint8Array(payload) });
  }

  setPresence(presence: string): void {
    if (!this.#isJoined) return;
    this.member = { ...this.member, presence };
    this.#network.show(this);
  }

  expectTraffic(): void {
    // Nothing dies in silence here.
  }

  async leave(): Promise<void> {
    this.#isJoined = false;
    this.#connection += 1;
    this.#network.exit(this);
  }
}

/** Joins a topic on a network, soon. */
export function joinOn(network: SealedNetwork, topic: Pick<NumberedTopic, "joinOn">, way: Partial<Way> = {}): SimLine {
  let line: SimLine | undefined;
  topic.joinOn({
    open: (options, events) => {
      line = new SimLine(network, options, events);
      network.clock.after(0, () => line?.join());
      return line;
    },
    canTakeOver: () => true,
    roundTripMs: () => 2 * network.latencyMs,
    onJoined: () => undefined,
    onEnded: () => undefined,
    onDoubled: () => undefined,
    ...way,
  });
  if (line === undefined) throw new Error("the topic has opened no line");
  return line;
}

/** An app in the topic, with what it was told. */
export class SealedMemberSim {
  readonly topic: NumberedTopic;
  readonly line: SimLine;
  /** `sender text`, in the order of delivery. */
  readonly heard: string[] = [];
  readonly lost: number[] = [];
  readonly faults: string[] = [];

  constructor(network: SealedNetwork, keys: TopicKeys, { cryptography, presence, identity }: MemberOptions) {
    const clock: Clock = network.clock;
    this.topic = new NumberedTopic(keys.topicId, {
      clock,
      resendBufferBytes: 1_048_576,
      presence,
      openPassage: (parts) =>
        new SealedPassage({ ...parts, clock, seals: identity?.seals ?? new GroupSeals(cryptography, keys) }),
      identity,
    });
    this.line = joinOn(network, this.topic);
    this.topic.on("message", ({ peer, text }) => this.heard.push(`${peer.id} ${text}`));
    this.topic.on("lost", ({ count }) => this.lost.push(count));
    this.topic.on("fault", ({ kind }) => this.faults.push(kind));
  }

  get sid(): string {
    return this.topic.self.id;
  }
}

/** Keys of one secret, the same in every run. */
export async function keysOf(fill: number, name = ""): Promise<TopicKeys> {
  return await deriveTopic(new NodeCryptography(), { secret: new Uint8Array(32).fill(fill), name });
}
