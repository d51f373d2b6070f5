import type { LineMember, TopicLine, TopicLineEvents } from "../../client/line/topic-line.ts";
import type { OpenLine } from "../../client/plain-topic.ts";

/** What was given to the line: to all where `to` is undefined. */
type Sent = { readonly to: readonly number[] | undefined; readonly text: string };

/** A topic's line without a relay: the test says what comes, and sees what was sent. */
export class FakeTopicLine implements TopicLine {
  readonly sent: Sent[] = [];
  readonly presences: string[] = [];
  isWritable = false;
  hasLists = true;
  hasLeft = false;
  #events: TopicLineEvents | undefined;

  /** For the constructor of a topic. */
  readonly open: OpenLine = (_options, events) => {
    this.#events = events;
    return this;
  };

  get events(): TopicLineEvents {
    if (this.#events === undefined) throw new Error("no topic has opened this line");
    return this.#events;
  }

  /** The own membership begins, with these others. */
  join(...members: readonly LineMember[]): void {
    this.isWritable = true;
    this.events.onJoined({ self: { peerId: "me", peerHandle: 1 }, members, maxPayloadBytes: 1000 });
  }

  down(): void {
    this.isWritable = false;
    this.events.onDown();
  }

  sendToAll(payload: Uint8Array): void {
    this.sent.push({ to: undefined, text: new TextDecoder().decode(payload) });
  }

  sendTo(peerHandles: readonly number[], payload: Uint8Array): void {
    this.sent.push({ to: peerHandles, text: new TextDecoder().decode(payload) });
  }

  setPresence(presence: string): void {
    this.presences.push(presence);
  }

  expectTraffic(): void {}

  async leave(): Promise<void> {
    this.hasLeft = true;
  }
}
