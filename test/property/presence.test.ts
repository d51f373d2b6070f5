import fc from "fast-check";
import { expect, it } from "vitest";
import { Hub } from "../../relay/hub/hub.ts";
import type { Peer } from "../../relay/hub/peer.ts";
import type { Member } from "../../relay/hub/topic.ts";
import { hubOptions } from "../support/hub-options.ts";
import { PlainEncoding, RecordingLink, textPayload } from "../support/recording-link.ts";
import { TestTime } from "../support/test-time.ts";

const CONNECTIONS = 4;
const HIGH_WATER_BYTES = 1500;
const encoding = new PlainEncoding();
const connection = fc.nat(CONNECTIONS - 1);
const topic = fc.constantFrom("a", "a", "b");
const presence = fc.option(fc.string({ maxLength: 20 }), { nil: undefined });

/** What may happen, in any order. A join under a name that is in use is one under another name. */
const steps = {
  join: fc.record({ do: fc.constant("join" as const), connection, topic, presence }),
  leave: fc.record({ do: fc.constant("leave" as const), connection, topic }),
  show: fc.record({ do: fc.constant("show" as const), connection, topic, text: fc.string() }),
  publish: fc.record({ do: fc.constant("publish" as const), connection, topic, length: fc.nat(900) }),
  drain: fc.record({ do: fc.constant("drain" as const), connection, bytes: fc.nat(1200) }),
  turn: fc.record({ do: fc.constant("turn" as const) }),
  close: fc.record({ do: fc.constant("close" as const), connection }),
  cut: fc.record({ do: fc.constant("cut" as const), connection }),
  page: fc.record({ do: fc.constant("page" as const), connection, topic }),
};
type Command = typeof steps extends { readonly [Name in string]: fc.Arbitrary<infer T> } ? T : never;

/** How often each happens. */
const WEIGHTS = { join: 2, leave: 1, show: 6, publish: 4, drain: 4, turn: 4, close: 1, cut: 1, page: 2 };
const command: fc.Arbitrary<Command> = fc.oneof(
  ...Object.entries(WEIGHTS).map(([name, weight]) => ({
    weight,
    arbitrary: steps[name as keyof typeof steps] as fc.Arbitrary<Command>,
  })),
);

type Frame = {
  readonly type: string;
  readonly topicName: string;
  readonly peerHandle: number;
  readonly presence?: string;
  readonly members?: readonly { readonly peerHandle: number; readonly presence?: string }[];
};

/** A reader that takes what it is told to, and believes what it is told. */
class Reader extends RecordingLink {
  readonly #known = new Map<string, Map<number, string | undefined>>();
  /** Presences that have not been written whole, and where they end. */
  #waiting: { readonly key: string; readonly endBytes: number }[] = [];
  #sentBytes = 0;

  constructor() {
    super({ isReading: false });
  }

  override send(frame: Uint8Array): void {
    super.send(frame);
    this.#sentBytes += frame.length;
    this.#believe(JSON.parse(Buffer.from(frame).toString()) as Frame);
  }

  knows(topicName: string): ReadonlyMap<number, string | undefined> | undefined {
    return this.#known.get(topicName);
  }

  left(topicName: string): void {
    this.#known.delete(topicName);
  }

  #believe({ type, topicName, peerHandle, presence: shown, members = [] }: Frame): void {
    const known = () => this.#known.get(topicName);
    if (type === "joined") this.#known.set(topicName, new Map());
    if (type === "joined" || type === "members") {
      for (const member of members) known()?.set(member.peerHandle, member.presence);
    } else if (type === "peer-joined") known()?.set(peerHandle, shown);
    else if (type === "peer-left") known()?.delete(peerHandle);
    else if (type === "presence") {
      expect(known()?.has(peerHandle), "nobody is shown who did not come, or has left").toBe(true);
      known()?.set(peerHandle, shown);
      const key = `${peerHandle} ${topicName}`;
      this.#waiting = this.#waiting.filter(({ endBytes }) => endBytes > this.readByPeerBytes);
      expect(
        this.#waiting.filter((other) => other.key === key),
        "one waits for each member",
      ).toEqual([]);
      this.#waiting.push({ key, endBytes: this.#sentBytes });
    }
  }
}

class Scene {
  readonly time = new TestTime();
  readonly hub = new Hub(hubOptions({ outboxHighWaterBytes: HIGH_WATER_BYTES, maxOutboxBytes: 1_000_000 }), {
    time: this.time,
  });
  readonly readers: Reader[] = [];
  readonly peers: Peer<Member>[] = [];

  constructor() {
    for (let index = 0; index < CONNECTIONS; index += 1) {
      this.#connect(index);
      this.#join(this.peers[index] as Peer<Member>, "a", undefined);
    }
  }

  do(step: Command): void {
    if (step.do === "turn") {
      this.time.turn();
      return;
    }
    const peer = this.peers[step.connection] as Peer<Member>;
    const reader = this.readers[step.connection] as Reader;
    if (step.do === "drain") {
      reader.drain(Math.min(step.bytes, reader.bufferedBytes));
      return;
    }
    // A paused connection is not read.
    if (reader.isPaused) return;
    if (step.do === "close" || step.do === "cut") {
      this.hub.disconnect(peer, step.do === "cut" ? "cut" : "closed");
      this.#connect(step.connection);
      return;
    }
    const member = peer.memberOf(step.topic);
    if (step.do === "join") this.#join(peer, step.topic, step.presence);
    else if (member === undefined) return;
    else if (step.do === "page") this.hub.offer(peer, listFrame("members", member, this.hub));
    else if (step.do === "show") this.hub.show(member, step.text);
    else if (step.do === "publish") this.hub.publish(member, textPayload("x".repeat(step.length + 1)));
    else {
      this.hub.leave(member);
      reader.left(step.topic);
    }
  }

  /** All read all. */
  settle(): void {
    do {
      this.time.settle();
      for (const reader of this.readers) reader.drain(reader.bufferedBytes);
    } while (this.time.isWaiting || this.readers.some(({ bufferedBytes }) => bufferedBytes > 0));
  }

  #connect(index: number): void {
    this.readers[index] = new Reader();
    this.peers[index] = this.hub.connect(this.readers[index], { holdLimitBytes: 2000 });
  }

  #join(peer: Peer<Member>, topicName: string, shown: string | undefined): void {
    const peerId = peer.memberOf(topicName)?.peerId === "one" ? "two" : "one";
    this.hub.join(peer, { topicName, peerId, presence: shown, encoding }, (own) => [
      listFrame("joined", own, this.hub),
    ]);
  }
}

/** Who is there with an own member and known to it, and what they show: as the relay answers. */
function listFrame(type: "joined" | "members", own: Member, hub: Hub): Uint8Array {
  const members = [...own.topic.members()]
    .filter((member) => member !== own && !hub.isNews(own.peer, member))
    .map(({ peerHandle, presence: text }) => ({ peerHandle, presence: text }));
  return new TextEncoder().encode(JSON.stringify({ type, topicName: own.topicName, members }));
}

it("shows of each in the end what it has shown last, meanwhile nobody who is not there, nor one twice", () => {
  fc.assert(
    fc.property(fc.array(command, { minLength: 50, maxLength: 150 }), (sequence) => {
      const scene = new Scene();

      for (const step of sequence) scene.do(step);
      scene.settle();

      for (const [index, peer] of scene.peers.entries()) {
        for (const member of peer.memberships()) {
          const others = [...member.topic.members()].filter((other) => other !== member);
          expect(new Map(scene.readers[index]?.knows(member.topicName))).toEqual(
            new Map(others.map(({ peerHandle, presence: shown }) => [peerHandle, shown])),
          );
        }
      }
    }),
    { numRuns: 500 },
  );
});
