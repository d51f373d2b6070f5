import type { Peer } from "../../relay/hub/peer.ts";
import type { Link, SlowReason } from "../../relay/hub/ports.ts";
import type { Member } from "../../relay/hub/topic.ts";

/** What one sender owes to one or more receivers. */
export type Message = { readonly from: ModelConnection; readonly byteLength: number; owedCount: number };
/** One event that one receiver is to get. */
export type Token = {
  readonly type: string;
  readonly author: string;
  readonly name: string;
  readonly topicName: string;
  readonly number: number | undefined;
  readonly message: Message;
  readonly place: string | undefined;
};
/** What an encoded event tells. */
export type Told = Omit<Token, "message" | "place"> & { readonly count: number };

/** One connection, what it should get, and what it has got. */
export class ModelConnection implements Link {
  readonly name: string;
  readonly isClassic: boolean;
  readonly due: Map<ModelConnection, Token[]> = new Map();
  /** Who is there, as it has been told: by topic. */
  readonly present: Map<string, Set<string>> = new Map();
  readonly noticed: Set<string> = new Set();
  readonly members: Map<string, Member> = new Map();
  readonly #onFrame: (to: ModelConnection, told: Told) => void;
  peer: Peer<Member> | undefined;
  ending: "cut" | "closed" | undefined;
  deadlineMs: number = Number.POSITIVE_INFINITY;
  heldBytes = 0;
  heldCount = 0;
  isPaused = false;
  verdict: SlowReason | undefined;
  bufferedBytes = 0;
  readonly inFlightBytes = 0;
  readonly mayWait = false;
  readonly receivedAtMs = 0;
  #below: { readonly bytes: number; readonly callback: () => void } | undefined;
  /** Of the operation at hand. */
  hadRoom = true;
  owedBefore = 0;
  readonly givenNow: Map<ModelConnection, number> = new Map();
  /** By waiting sender: who was given more often since its own turn, and how often. */
  readonly overtaken: Map<ModelConnection, Map<ModelConnection, number>> = new Map();

  constructor(name: string, isClassic: boolean, onFrame: (to: ModelConnection, told: Told) => void) {
    this.name = name;
    this.isClassic = isClassic;
    this.#onFrame = onFrame;
  }

  get owedCount(): number {
    let count = 0;
    for (const tokens of this.due.values()) count += tokens.length;
    return count;
  }

  send(frame: Uint8Array): void {
    this.bufferedBytes += frame.length;
    this.#onFrame(this, JSON.parse(Buffer.from(frame).toString()) as Told);
  }

  drain(bytes: number): void {
    this.bufferedBytes = Math.max(0, this.bufferedBytes - bytes);
    const below = this.#below;
    if (below === undefined || this.bufferedBytes > below.bytes) return;
    this.#below = undefined;
    below.callback();
  }

  whenWritten(): void {
    throw new Error("no presences here");
  }

  whenBelow(bytes: number, callback: () => void): void {
    this.#below = { bytes, callback };
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
  }

  judge(): SlowReason | undefined {
    return this.verdict;
  }

  close(): void {
    this.#below = undefined;
  }

  pauseFor(): void {
    throw new Error("no rates here");
  }
}

/** Who joins under a name whose last owner's farewell is still owed comes after it. */
export function mustWait({ type, name, topicName }: Token, from: ModelConnection, to: ModelConnection): boolean {
  if (type !== "peer-joined") return false;
  const isFarewell = (token: Token) =>
    token.type === "peer-left" && token.name === name && token.topicName === topicName;
  return [...to.due].some(([other, tokens]) => other !== from && tokens.some(isFarewell));
}

/** By token of one sender: whether it is of a member of which the receiver has not heard yet. */
export function livesOf(tokens: readonly Token[]): ReadonlyMap<Token, "seen" | "unseen"> {
  const lives = new Map<Token, "seen" | "unseen">();
  const unseen = new Set<string>();
  for (const token of tokens) {
    const key = `${token.topicName} ${token.name}`;
    if (token.type === "peer-joined") unseen.add(key);
    lives.set(token, unseen.has(key) ? "unseen" : "seen");
    if (token.type === "peer-left") unseen.delete(key);
  }
  return lives;
}
