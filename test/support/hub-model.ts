import { Hub } from "../../relay/hub/hub.ts";
import type { Encoding, HoldNotice, HubEvent } from "../../relay/hub/ports.ts";
import type { Member } from "../../relay/hub/topic.ts";
import { hubOptions } from "./hub-options.ts";
import { livesOf, type Message, ModelConnection, mustWait, type Token, type Told } from "./model-connection.ts";
import { textPayload } from "./recording-link.ts";
import { TestTime } from "./test-time.ts";

/** The rules of congestion that the model holds a hub to. A broken one is thrown by its name. */
export type CongestionRule =
  | "no loss"
  | "no overtaking"
  | "comings and goings"
  | "room means at once"
  | "newcomers queue"
  | "one message each per round"
  | "no starvation"
  | "who is held is not read, and nobody else"
  | "held bytes are counted"
  | "told when congested and relieved"
  | "nothing is left";

/** A rule was broken. */
class BrokenRule extends Error {
  constructor(rule: CongestionRule, detail: string) {
    super(`${rule}: ${detail}`);
  }
}

const HIGH_WATER_BYTES = 2000;
const LOW_WATER_BYTES = HIGH_WATER_BYTES / 4;
export const HOLD_LIMIT_BYTES: number = 3000;
const OVERHEAD_BYTES = 512;
const DRAIN_TIMEOUT_MS = 8000;

const encoding: Encoding = {
  takes: () => true,
  isAlikeForAll: () => false,
  encode: (event) => {
    const { peerId, peerHandle, topicName } = "member" in event ? event.member : event.from;
    const author = `${topicName} ${peerHandle}`;
    const payload = "payload" in event ? Buffer.from(event.payload.jsonText()).toString() : "";
    const count = event.type === "omitted" ? event.count : 0;
    const number = payload === "" ? undefined : Number.parseInt(payload, 10);
    const told = { type: event.type, author, name: peerId, topicName, number, count, pad: payload };
    return Buffer.from(JSON.stringify(told));
  },
};

function encodeNotice({ state, topicName, to }: HoldNotice): Uint8Array {
  return Buffer.from(
    JSON.stringify({ type: state, topicName, author: `${topicName} ${to ?? ""}`, name: "", count: 0 }),
  );
}

/** What differs where a rule is broken on purpose. */
export type HubVariant = {
  readonly time?: TestTime;
};

/** A hub, its connections, and what each must get by the rules. Every operation checks all rules. */
export class HubModel {
  readonly time: TestTime;
  readonly hub: Hub;
  readonly connections: (ModelConnection | undefined)[];
  readonly #gone: ModelConnection[] = [];
  readonly #authors = new Map<string, ModelConnection>();
  readonly #maxHeldBytes: number;
  #heldBytes = 0;
  #lastNumber = 0;
  #isServing = false;
  #joining: ModelConnection | undefined;
  #mayRepeat = false;

  constructor(connectionCount: number, maxHeldBytes: number, { time = new TestTime() }: HubVariant = {}) {
    this.time = time;
    this.#maxHeldBytes = maxHeldBytes;
    this.connections = Array.from({ length: connectionCount }, () => undefined);
    const options = hubOptions({ outboxHighWaterBytes: HIGH_WATER_BYTES, maxOutboxBytes: 10_000_000 });
    this.hub = new Hub({ ...options, maxHeldBytes, drainTimeoutMs: DRAIN_TIMEOUT_MS }, { time });
  }

  /** Joins, or takes another name where it is in the topic. @param isWelcomed whether it is told who is there. */
  join(index: number, topicName: string, { isWelcomed }: { readonly isWelcomed: boolean }): void {
    const connection = this.connections[index] ?? this.#connect(index);
    if (connection.isPaused || connection.peer === undefined) return;
    const { peer } = connection;
    const before = connection.members.get(topicName);
    const isSilent = before !== undefined && !isWelcomed;
    const peerId = before === undefined || before.peerId !== connection.name ? connection.name : `${connection.name}'`;
    this.#operate(() => {
      if (before !== undefined) {
        connection.members.delete(topicName);
        this.#owe(connection, topicName, "peer-left", before);
      }
      if (before !== undefined && !isSilent) this.#dropPresence(connection, topicName);
      if (!isSilent) connection.present.set(topicName, new Set(this.#namesIn(topicName)));
      this.#oweJoin(connection, topicName, peerId);
      this.#joining = connection;
      const member = this.hub.join(peer, { topicName, peerId, encoding }, isSilent ? undefined : () => []);
      this.#joining = undefined;
      connection.members.set(topicName, member);
      this.#authors.set(`${topicName} ${member.peerHandle}`, connection);
    });
  }

  leave(index: number, topicName: string): void {
    const connection = this.connections[index];
    const member = connection?.members.get(topicName);
    if (connection === undefined || member === undefined || connection.isPaused) return;
    this.#operate(() => {
      connection.members.delete(topicName);
      connection.present.delete(topicName);
      for (const [from, tokens] of connection.due)
        this.#keep(connection, from, tokens, (t) => t.topicName !== topicName);
      this.#owe(connection, topicName, "peer-left", member);
      this.hub.leave(member);
    });
  }

  publish(index: number, topicName: string, sizeBytes: number, to?: number): void {
    const connection = this.connections[index];
    const member = connection?.members.get(topicName);
    if (connection === undefined || member === undefined || connection.isPaused) return;
    const addressee = to === undefined ? undefined : this.connections[to];
    const addressed = addressee?.members.get(topicName);
    if (to !== undefined && (addressed === undefined || addressee === connection)) return;
    const number = (this.#lastNumber += 1);
    const payload = textPayload(`${number}`.padEnd(sizeBytes, " "));
    this.#operate(() => {
      this.#owe(connection, topicName, "data", member, {
        number,
        byteLength: payload.byteLength,
        addressee,
        to: addressed,
      });
      if (addressed === undefined) this.hub.publish(member, payload);
      else this.hub.send(member, addressed.peerHandle, payload);
    });
  }

  /** It ends: as it should, or not. */
  end(index: number, how: "cut" | "closed" | "slow"): void {
    const connection = this.connections[index];
    if (connection?.peer === undefined || (how === "closed" && connection.isPaused)) return;
    if (how === "slow" && connection.peer.outbox.hasRoom) return;
    const { peer } = connection;
    this.connections[index] = undefined;
    this.#gone.push(connection);
    this.#operate(() => {
      connection.ending = how === "closed" ? "closed" : "cut";
      connection.deadlineMs = this.time.nowMs + DRAIN_TIMEOUT_MS;
      for (const [from, tokens] of connection.due) this.#keep(connection, from, tokens, () => false);
      for (const [topicName, member] of connection.members) {
        connection.members.delete(topicName);
        this.#owe(connection, topicName, "peer-left", member);
      }
      if (how !== "closed") this.#forgetStrangers(connection);
      if (how === "slow") {
        connection.verdict = "stalled";
        this.#lookAround();
      } else this.hub.disconnect(peer, how);
    });
  }

  /** A reader takes so many bytes. */
  drain(index: number, bytes: number): void {
    this.#serve(() => this.connections[index]?.drain(bytes));
  }

  turn(): boolean {
    let hasRun = false;
    this.#serve(() => {
      hasRun = this.time.turn();
    });
    return hasRun;
  }

  pass(durationMs: number): void {
    this.time.nowMs += durationMs;
    for (const connection of this.#gone) {
      if (connection.ending === "closed" && connection.deadlineMs <= this.time.nowMs) this.#forgetStrangers(connection);
    }
    this.#operate(() => this.#lookAround());
  }

  /** Whoever is not read is told again, whatever the occasion. */
  #lookAround(): void {
    this.#mayRepeat = true;
    this.hub.endOverdueReaders();
    this.#mayRepeat = false;
  }

  /** Every reader takes what comes, until nothing does. */
  finish(): void {
    for (let round = 0; round < 10_000; round += 1) {
      for (const index of this.connections.keys()) this.drain(index, 1_000_000);
      if (!this.turn() && this.#all().every(({ owedCount, bufferedBytes }) => owedCount + bufferedBytes === 0)) break;
    }
    const { heldBytes, congested } = this.hub.counts();
    if (heldBytes + congested + this.#heldBytes > 0) throw new BrokenRule("nothing is left", `${heldBytes} held`);
    for (const connection of this.#all()) {
      if (connection.owedCount > 0) throw new BrokenRule("no loss", `${connection.name} waits for something`);
      if (connection.noticed.size > 0) throw new BrokenRule("told when congested and relieved", connection.name);
    }
  }

  #all(): ModelConnection[] {
    return this.connections.filter((connection) => connection !== undefined);
  }

  #connect(index: number): ModelConnection {
    const connection = new ModelConnection(`p${index}`, index % 3 === 0, (to, told) => this.#got(to, told));
    connection.peer = this.hub.connect(
      connection,
      connection.isClassic ? { holdLimitBytes: 0 } : { holdLimitBytes: HOLD_LIMIT_BYTES, encodeNotice },
    );
    this.connections[index] = connection;
    return connection;
  }

  *#namesIn(topicName: string): Iterable<string> {
    for (const { members } of this.#all()) {
      const member = members.get(topicName);
      if (member !== undefined) yield member.peerId;
    }
  }

  #oweJoin(from: ModelConnection, topicName: string, peerId: string): void {
    this.#owe(from, topicName, "peer-joined", { peerId, peerHandle: undefined });
  }

  #owe(
    from: ModelConnection,
    topicName: string,
    type: HubEvent["type"],
    member: { readonly peerId: string; readonly peerHandle: number | undefined },
    data?: { number: number; byteLength: number; addressee: ModelConnection | undefined; to: Member | undefined },
  ): void {
    const message: Message = { from, byteLength: OVERHEAD_BYTES + (data?.byteLength ?? 0), owedCount: 0 };
    const place = data === undefined ? undefined : `${topicName} ${data.to?.peerHandle ?? ""}`;
    for (const to of this.#all()) {
      const isReceiver =
        data?.addressee === undefined ? to.members.has(topicName) && to !== from : to === data.addressee;
      if (!isReceiver) continue;
      const author = `${topicName} ${member.peerHandle ?? "?"}`;
      const token = { type, author, name: member.peerId, topicName, number: data?.number, message, place };
      message.owedCount += 1;
      const tokens = to.due.get(from);
      if (tokens === undefined) to.due.set(from, [token]);
      else tokens.push(token);
    }
    if (message.owedCount === 0) return;
    from.heldBytes += message.byteLength;
    from.heldCount += 1;
    this.#heldBytes += message.byteLength;
  }

  #settle({ message }: Token): void {
    message.owedCount -= 1;
    if (message.owedCount > 0) return;
    message.from.heldBytes -= message.byteLength;
    message.from.heldCount -= 1;
    this.#heldBytes -= message.byteLength;
  }

  #keep(to: ModelConnection, from: ModelConnection, tokens: readonly Token[], isKept: (token: Token) => boolean): void {
    for (const token of tokens) if (!isKept(token)) this.#settle(token);
    const kept = tokens.filter(isKept);
    if (kept.length > 0) to.due.set(from, kept);
    else {
      to.due.delete(from);
      to.overtaken.delete(from);
    }
  }

  /** It was told who is there: what it is owed of comings and goings is old news. */
  #dropPresence(to: ModelConnection, topicName: string): void {
    const isKept = (token: Token) => token.topicName !== topicName || token.type === "data";
    for (const [from, tokens] of to.due) this.#keep(to, from, tokens, isKept);
  }

  /** Nobody hears of a member that came and went unseen. A name tells it apart: a connection has two, in turns. */
  #forgetStrangers(from: ModelConnection): void {
    for (const to of this.#all()) {
      const tokens = to.due.get(from) ?? [];
      const lives = livesOf(tokens);
      this.#keep(to, from, tokens, (token) => lives.get(token) !== "unseen");
    }
  }

  #got(to: ModelConnection, told: Told): void {
    if (told.type === "congested" || told.type === "relieved") {
      this.#notice(to, told);
      return;
    }
    // The handle of one whose join is under way is not known yet.
    const isJoining = this.#joining !== undefined && told.type === "peer-joined";
    const from = isJoining ? this.#joining : this.#authors.get(told.author);
    if (from === undefined) throw new BrokenRule("no overtaking", `${to.name} got a ${told.type} of nobody`);
    if (told.type === "omitted") this.#omitted(to, from, told);
    else this.#given(to, from, told);
  }

  #given(to: ModelConnection, from: ModelConnection, told: Told): void {
    const tokens = to.due.get(from) ?? [];
    // What is left of one that is gone is told by member: the order among its topics is over.
    const token = this.#isGivenUp(from) ? tokens.find(({ topicName }) => topicName === told.topicName) : tokens[0];
    const what = `${told.type} ${told.name} ${told.number ?? ""} to ${to.name}`;
    const isAtOnce = !this.#isServing && !this.#isGivenUp(from);
    if (isAtOnce && to.owedBefore > 0) throw new BrokenRule("newcomers queue", what);
    if (token === undefined || token.type !== told.type || token.name !== told.name || token.number !== told.number)
      throw new BrokenRule("no overtaking", `${what}, and not ${token?.type} ${token?.name} ${token?.number ?? ""}`);
    this.#see(to, told);
    if (this.#isServing) this.#countRound(to, from, what);
    this.#keep(to, from, tokens, (other) => other !== token);
  }

  #see(to: ModelConnection, { type, name, topicName }: Told): void {
    const present = to.present.get(topicName);
    if (present === undefined) throw new BrokenRule("comings and goings", `${to.name} is not in ${topicName}`);
    if (type === "peer-joined") {
      if (present.has(name)) throw new BrokenRule("comings and goings", `${name} came twice to ${to.name}`);
      present.add(name);
    } else if (type === "peer-left" && !present.delete(name))
      throw new BrokenRule("comings and goings", `${name} left ${to.name} and was not there`);
  }

  #countRound(to: ModelConnection, from: ModelConnection, what: string): void {
    const count = (to.givenNow.get(from) ?? 0) + 1;
    if (count > 1) throw new BrokenRule("one message each per round", what);
    to.givenNow.set(from, count);
    to.overtaken.delete(from);
    for (const [other, [token]] of to.due) {
      if (other === from || token === undefined || mustWait(token, other, to)) continue;
      const counts = to.overtaken.get(other) ?? new Map<ModelConnection, number>();
      to.overtaken.set(other, counts);
      counts.set(from, (counts.get(from) ?? 0) + 1);
      if ((counts.get(from) ?? 0) > 1) throw new BrokenRule("no starvation", `${other.name} waits for ${to.name}`);
    }
  }

  /** What it owed will not be delivered. */
  #isGivenUp({ ending, deadlineMs }: ModelConnection): boolean {
    return ending === "cut" || (ending === "closed" && deadlineMs <= this.time.nowMs);
  }

  #omitted(to: ModelConnection, from: ModelConnection, told: Told): void {
    if (!this.#isGivenUp(from)) throw new BrokenRule("no loss", `of ${from.name}, which is there`);
    const tokens = to.due.get(from) ?? [];
    const isOmitted = (token: Token) => token.author === told.author && token.type === "data";
    const count = tokens.filter(isOmitted).length;
    if (count !== told.count) throw new BrokenRule("no loss", `${told.count} omitted in place of ${count}`);
    this.#keep(to, from, tokens, (token) => !isOmitted(token));
  }

  #notice(to: ModelConnection, { type, author }: Told): void {
    const isNew = type === "congested" ? !to.noticed.has(author) : to.noticed.delete(author);
    if (type === "congested") to.noticed.add(author);
    // Who is not read is told again.
    if (!isNew && !(type === "congested" && this.#mayRepeat && to.isPaused))
      throw new BrokenRule("told when congested and relieved", `${to.name}: ${type} twice`);
  }

  #serve(act: () => void): void {
    this.#isServing = true;
    this.#operate(act);
    this.#isServing = false;
  }

  #operate(act: () => void): void {
    for (const connection of this.#all()) {
      connection.owedBefore = connection.owedCount;
      connection.hadRoom = connection.owedBefore === 0 && connection.bufferedBytes <= LOW_WATER_BYTES;
      connection.givenNow.clear();
    }
    const isSettled = !this.#isServing && !this.time.isWaiting;
    act();
    for (const connection of this.#all()) this.#check(connection, isSettled);
    const { heldBytes } = this.hub.counts();
    if (heldBytes !== this.#heldBytes)
      throw new BrokenRule("held bytes are counted", `${heldBytes} in place of ${this.#heldBytes}`);
  }

  #check(connection: ModelConnection, isSettled: boolean): void {
    const { heldBytes, heldCount, isPaused, name } = connection;
    const isAbove = heldBytes > (connection.isClassic ? 0 : HOLD_LIMIT_BYTES);
    const mayBeTight = heldCount > 1 && this.#heldBytes > this.#maxHeldBytes * 0.75;
    const mustBePaused = isAbove || (heldCount > 1 && this.#heldBytes > this.#maxHeldBytes);
    if (isPaused ? !isAbove && !mayBeTight : mustBePaused) {
      const detail = `${name} has ${heldBytes} bytes held and is ${isPaused ? "not read" : "read"}`;
      throw new BrokenRule("who is held is not read, and nobody else", detail);
    }
    const hadToGetIt = isSettled && connection.hadRoom && connection.bufferedBytes <= HIGH_WATER_BYTES;
    if (hadToGetIt && connection.owedCount > 0) throw new BrokenRule("room means at once", name);
  }
}
