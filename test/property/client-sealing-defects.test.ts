import { describe, expect, it } from "vitest";
import { deriveTopic, type TopicKeys } from "../../client/sealing/derivation.ts";
import { type SealedMemberSim, SealedNetwork } from "../support/sealed-network.ts";
import { type SealingDefect, WatchedCryptography } from "../support/watched-cryptography.ts";

const SECRET = new Uint8Array(32).fill(7);
const WIRE_NAME_BYTES = 45;
const SID_BYTES = 22;

/** One topic, all of whose members have the same defect, or none. */
class Scene {
  readonly network = new SealedNetwork();
  readonly keys: TopicKeys;
  readonly #cryptography: WatchedCryptography;

  private constructor(cryptography: WatchedCryptography, keys: TopicKeys) {
    this.#cryptography = cryptography;
    this.keys = keys;
  }

  static async of(defect: SealingDefect): Promise<Scene> {
    const cryptography = new WatchedCryptography(new Map(), defect);
    return new Scene(cryptography, await deriveTopic(cryptography, { secret: SECRET }));
  }

  get reuses(): number {
    return this.#cryptography.reuses;
  }

  add(keys: TopicKeys = this.keys): SealedMemberSim {
    return this.network.add(keys, this.#cryptography);
  }

  async keysOf(name: string): Promise<TopicKeys> {
    return await deriveTopic(this.#cryptography, { secret: SECRET, name });
  }

  /** What this member has sent so far. */
  sentBy({ line }: SealedMemberSim): { readonly bytes: Uint8Array; readonly isAddressed: boolean }[] {
    return this.network.seen
      .filter(({ from }) => from === line)
      .map(({ bytes, to }) => ({ bytes, isAddressed: to !== undefined }));
  }
}

/** A wrong implementation, and what has to happen for it to do harm. @returns what came of it; the right one gives "unharmed". */
type Seeded = {
  readonly name: string;
  readonly defect: SealingDefect;
  readonly play: (scene: Scene) => Promise<string>;
};

const defects: readonly Seeded[] = [
  {
    name: "the nonce comes from the clock",
    defect: { sealing: ({ additionalData }) => ({ nonce: new Uint8Array(12).fill(3), additionalData }) },
    play: talkAndCount,
  },
  {
    name: "the key is shared between sessions",
    defect: { derivation: (salt, info) => [salt.length === WIRE_NAME_BYTES ? new Uint8Array(1) : salt, info] },
    async play(scene) {
      const [anna, bert, carl] = [scene.add(), scene.add(), scene.add()];
      scene.network.run(100);
      void anna.topic.broadcast("of anna");
      scene.network.run(2000);
      for (const { bytes } of scene.sentBy(anna))
        scene.network.inject(bert.line, carl.line.member.peerHandle, bytes, false);
      scene.network.run(2000);
      return bert.heard.includes(`${carl.sid} of anna`) ? "one member's words as another's" : "unharmed";
    },
  },
  {
    name: "the key is shared between the connections of a session",
    defect: {
      derivation: (salt, info) => [salt.length === WIRE_NAME_BYTES ? salt.subarray(0, SID_BYTES) : salt, info],
    },
    async play(scene) {
      const [anna] = [scene.add(), scene.add()];
      scene.network.run(100);
      anna.line.cut();
      scene.network.run(1000);
      void anna.topic.broadcast("back");
      scene.network.run(40_000);
      return scene.reuses > 0 ? "a nonce was used twice" : "unharmed";
    },
  },
  {
    name: "an epoch is accepted backwards: what an earlier connection said counts for the present one",
    defect: {
      derivation: (salt, info) => [salt.length === WIRE_NAME_BYTES ? salt.subarray(0, SID_BYTES) : salt, info],
    },
    async play(scene) {
      const [anna, bert] = [scene.add(), scene.add()];
      scene.network.run(100);
      void anna.topic.broadcast("early");
      scene.network.run(2000);
      const early = scene.sentBy(anna);
      anna.line.cut();
      scene.network.run(1000);
      const before = bert.faults.length;
      const { peerHandle } = anna.line.member;
      for (const { bytes, isAddressed } of early) scene.network.inject(bert.line, peerHandle, bytes, isAddressed);
      scene.network.run(1000);
      return bert.faults.length - before === early.length ? "unharmed" : "an old frame was taken";
    },
  },
  {
    name: "the key of what goes to one peer is shared between peers",
    defect: { derivation: (salt, info) => [salt, beforeNul(info, salt.length === WIRE_NAME_BYTES)] },
    play: talkAndCount,
  },
  {
    name: "the keys do not depend on the topic's name",
    defect: { derivation: (salt, info) => [salt, beforeNul(info, salt.length !== WIRE_NAME_BYTES)] },
    async play(scene) {
      const anna = scene.add(await scene.keysOf("one"));
      const bert = scene.add(await scene.keysOf("two"));
      void anna.topic.broadcast("in one");
      scene.network.run(3000);
      return bert.topic.peers.size > 0 ? "one topic's members in the other" : "unharmed";
    },
  },
  {
    name: "the tag is checked late, or not at all",
    defect: { ignoresTag: true },
    async play(scene) {
      const [anna, bert] = [scene.add(), scene.add()];
      scene.network.run(100);
      scene.network.tamper = ({ bytes }) => [bytes.with(bytes.length - 17, (bytes.at(-17) ?? 0) ^ 1)];
      void anna.topic.broadcast("pay 1");
      scene.network.run(100);
      return bert.heard.includes(`${anna.sid} pay 0`) ? "changed words" : "unharmed";
    },
  },
  {
    name: "the flags are not bound: whoever carries a frame can end a session",
    defect: { sealing: ({ nonce, additionalData }) => ({ nonce, additionalData: additionalData.with(1, 0) }) },
    async play(scene) {
      const [anna, bert] = [scene.add(), scene.add()];
      let isGone = false;
      bert.topic.on("leave", () => {
        isGone = true;
      });
      scene.network.run(100);
      void anna.topic.broadcast("hello");
      scene.network.tamper = ({ bytes }) => [bytes[0] === 2 ? bytes.with(1, (bytes[1] ?? 0) | 64) : bytes];
      scene.network.run(2000);
      anna.line.cut();
      scene.network.run(100);
      return isGone ? "a session ended by the relay" : "unharmed";
    },
  },
  {
    name: "the receiver is not bound: a session is played again to somebody new",
    defect: { sealing: ({ nonce, additionalData }) => ({ nonce, additionalData: additionalData.slice(0, 2) }) },
    async play(scene) {
      const [anna, bert] = [scene.add(), scene.add()];
      scene.network.run(100);
      void anna.topic.broadcast("of yesterday");
      scene.network.run(2000);
      const recorded = scene.sentBy(anna);
      const { peerId } = anna.line.member;
      for (const { line } of [anna, bert]) await line.leave();
      const newcomer = scene.add();
      const { peerHandle } = scene.network.addStranger(peerId).member;
      scene.network.run(100);
      for (const { bytes, isAddressed } of recorded)
        scene.network.inject(newcomer.line, peerHandle, bytes, isAddressed);
      scene.network.run(2000);
      return newcomer.topic.peers.size > 0 ? "a member who is not there" : "unharmed";
    },
  },
];

describe.each(defects)("$name", ({ defect, play }) => {
  it("does harm that is seen", async () => {
    expect(await play(await Scene.of(defect))).not.toBe("unharmed");
  });

  it("is not what is built: the same play ends unharmed", async () => {
    const scene = await Scene.of({});

    expect(await play(scene)).toBe("unharmed");
    expect(scene.reuses).toBe(0);
  });
});

/** Three who send to all and to each, over a cut of each. */
async function talkAndCount(scene: Scene): Promise<string> {
  const members = [scene.add(), scene.add(), scene.add()];
  scene.network.run(100);
  for (const member of members) {
    for (const other of members) if (other !== member) void member.topic.send(other.sid, `to ${other.sid}`);
    void member.topic.broadcast("to all");
    scene.network.run(1000);
    member.line.cut();
    scene.network.run(1000);
  }
  return scene.reuses > 0 ? "a nonce was used twice" : "unharmed";
}

function beforeNul(info: Uint8Array, isMeant: boolean): Uint8Array {
  const end = info.indexOf(0);
  return isMeant && end >= 0 ? info.subarray(0, end) : info;
}
