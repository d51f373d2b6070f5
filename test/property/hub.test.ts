import fc from "fast-check";
import { expect, it } from "vitest";
import { Hub } from "../../relay/hub/hub.ts";
import type { Peer } from "../../relay/hub/peer.ts";
import type { Member } from "../../relay/hub/topic.ts";
import { hubOptions } from "../support/hub-options.ts";
import { PlainEncoding, RecordingLink, textPayload } from "../support/recording-link.ts";
import { TestTime } from "../support/test-time.ts";

/** What may happen, in any order: connections 0..4 and topics "a".."c". */
const CONNECTIONS = 5;
const TOPICS = ["a", "b", "c"] as const;

const connection = fc.nat(CONNECTIONS - 1);
const topic = fc.constantFrom(...TOPICS);
const command = fc.oneof(
  fc.record({ do: fc.constant("join" as const), connection, topic, peerId: fc.constantFrom("p", "q") }),
  fc.record({ do: fc.constant("leave" as const), connection, topic }),
  fc.record({ do: fc.constant("publish" as const), connection, topic, payload: fc.string({ maxLength: 3 }) }),
  fc.record({ do: fc.constant("send" as const), connection, topic, to: connection, payload: fc.string() }),
  fc.record({ do: fc.constant("disconnect" as const), connection }),
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

/** The hub in twenty lines: who is where in join order, and what each connection should have been told. */
class Model {
  readonly members = new Map<string, { connection: number; peerId: string }[]>();
  /** The topics of each connection, in the order in which it joined them: it leaves them in that order. */
  readonly joined: Set<string>[] = Array.from({ length: CONNECTIONS }, () => new Set());
  readonly told: unknown[][] = Array.from({ length: CONNECTIONS }, () => []);

  in(topicName: string): { connection: number; peerId: string }[] {
    return this.members.get(topicName) ?? [];
  }

  find(topicName: string, number: number) {
    return this.in(topicName).find((member) => member.connection === number);
  }

  tellOthers(topicName: string, number: number, event: object): void {
    for (const other of this.in(topicName)) if (other.connection !== number) this.told[other.connection]?.push(event);
  }

  join(topicName: string, number: number, peerId: string): void {
    this.members.set(topicName, [...this.in(topicName), { connection: number, peerId }]);
    this.joined[number]?.add(topicName);
    this.tellOthers(topicName, number, { type: "peer-joined", peerId, topicName });
  }

  leave(topicName: string, number: number): void {
    const member = this.find(topicName, number);
    if (member === undefined) return;
    this.joined[number]?.delete(topicName);
    this.tellOthers(topicName, number, { type: "peer-left", peerId: member.peerId, topicName });
    const rest = this.in(topicName).filter((other) => other !== member);
    if (rest.length === 0) this.members.delete(topicName);
    else this.members.set(topicName, rest);
  }
}

/** The hub with its connections; a connection that was disconnected is opened anew when it is next needed. */
class Real {
  readonly hub = new Hub(hubOptions(), { time: new TestTime() });
  readonly links = Array.from({ length: CONNECTIONS }, () => new RecordingLink());
  readonly encoding = new PlainEncoding();
  readonly #peers = new Map<number, Peer<Member>>();

  peer(number: number): Peer<Member> {
    let peer = this.#peers.get(number);
    if (peer === undefined) {
      peer = this.hub.connect(this.links[number] ?? new RecordingLink());
      this.#peers.set(number, peer);
    }
    return peer;
  }

  disconnect(number: number): void {
    this.hub.disconnect(this.peer(number));
    this.#peers.delete(number);
  }
}

function apply(step: Command, real: Real, model: Model): void {
  if (step.do === "disconnect") {
    real.disconnect(step.connection);
    for (const topicName of model.joined[step.connection] ?? []) model.leave(topicName, step.connection);
    return;
  }
  const { connection: number, topic: topicName } = step;
  const own = real.peer(number).memberOf(topicName);
  const from = model.find(topicName, number);
  expect(own?.peerId).toBe(from?.peerId);
  if (step.do === "join" && own === undefined) {
    const { peerId } = step;
    real.hub.join(real.peer(number), { topicName, peerId, encoding: real.encoding }, () => []);
    model.join(topicName, number, step.peerId);
  }
  if (own === undefined || from === undefined) return;
  const event = { type: "data", peerId: from.peerId, topicName };
  if (step.do === "leave") {
    real.hub.leave(own);
    model.leave(topicName, number);
  } else if (step.do === "publish") {
    real.hub.publish(own, textPayload(step.payload));
    model.tellOthers(topicName, number, { ...event, payload: step.payload });
  } else if (step.do === "send") {
    const to = real.peer(step.to).memberOf(topicName);
    const outcome = real.hub.send(own, to?.peerHandle ?? 4_000_000, textPayload(step.payload));
    const isThere = to !== undefined && step.to !== number;
    expect(outcome).toBe(isThere ? "sent" : "no-such-peer");
    if (isThere) model.told[step.to]?.push({ ...event, to: to.peerHandle, payload: step.payload });
  }
}

it("tells every connection exactly what the model says, in order, and holds nothing that the model does not", () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (steps) => {
      const real = new Real();
      const model = new Model();

      for (const step of steps) apply(step, real, model);

      for (const [number, link] of real.links.entries()) {
        const told = link.frames.map((frame) => ({ ...(frame as object), peerHandle: undefined }));
        expect(told).toEqual(model.told[number]);
      }
      const there = [...model.members].map(([name, members]) => [name, members.map(({ peerId }) => peerId)] as const);
      expect([...real.hub.topics()]).toHaveLength(there.length);
      for (const [name, peerIds] of there) {
        const members = [...(real.hub.topic(name)?.members() ?? [])];
        expect(members.map(({ peerId }) => peerId)).toEqual(peerIds);
      }
      const joined = new Set([...model.members.values()].flat().map(({ connection: number }) => number));
      expect(real.hub.counts()).toMatchObject({ topics: there.length, peers: joined.size, outboxesFull: 0 });
      for (let number = 0; number < CONNECTIONS; number += 1) real.disconnect(number);
      expect(real.hub.counts()).toMatchObject({ topics: 0, peers: 0 });
    }),
    { numRuns: 500 },
  );
});
