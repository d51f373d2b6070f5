import { describe, expect, it } from "vitest";
import { Delivery } from "../../client/delivery/delivery.ts";
import { decodeFrame } from "../../client/delivery/frame.ts";
import type { DeliveryEvents } from "../../client/delivery/ports.ts";
import { Turns } from "../../client/delivery/turns.ts";
import { noLanes } from "../support/delivery-member.ts";
import { FakeClock } from "../support/fake-clock.ts";
import { openJoined } from "../support/scripted-line.ts";

/** A lane with frames of these sizes to send. */
function lane(sid: string, frames: number[]): Parameters<Turns["ready"]>[0] {
  return {
    sid,
    receiver: { owes: undefined, isUrgent: false },
    take: () => {
      const size = frames.shift();
      return size === undefined ? undefined : new Uint8Array(size);
    },
    acknowledge: () => undefined,
  };
}

describe("lanes", () => {
  it("take turns by bytes: who has large frames waits for as many turns of the others", () => {
    const carrier = { isWritable: false, toPeers: ([sid = ""]: readonly string[]) => order.push(sid) };
    const order: string[] = [];
    const turns = new Turns(new FakeClock(), carrier);
    turns.ready(lane("large", [130_000, 130_000]));
    turns.ready(lane("small", Array(10).fill(16_384)));
    carrier.isWritable = true;

    expect(turns.send()).toBe(true);

    expect(order.join(" ")).toBe("large small small small small small small large small small small small");
  });

  it("stop where the carrier does, or the bytes are up, and go on in the same place", () => {
    const order: string[] = [];
    const carrier = { isWritable: true, toPeers: ([sid = ""]: readonly string[]) => order.push(sid) };
    const turns = new Turns(new FakeClock(), carrier);
    carrier.isWritable = false;
    for (const sid of ["a", "b"]) turns.ready(lane(sid, Array(100).fill(16_384)));
    carrier.isWritable = true;

    expect(turns.send(16_384)).toBe(false);
    expect(turns.send(3 * 16_384)).toBe(false);
    carrier.isWritable = false;
    expect(turns.send()).toBe(false);

    expect(order.join("")).toBe("aabb");
  });
});

const silent: DeliveryEvents = {
  onPeerJoined: () => undefined,
  onPeerLeft: () => undefined,
  onMessage: () => undefined,
  onLost: () => undefined,
  onHeld: () => undefined,
  onFault: () => undefined,
  hasRoom: () => true,
};

it("what goes to all takes turns with what goes to one, whichever of them has no end", () => {
  const clock = new FakeClock();
  const order: string[] = [];
  let roomBytes = 0;
  const take = (what: string, bytes: number): void => {
    order.push(what);
    roomBytes -= bytes;
  };
  const delivery = new Delivery(
    {
      clock,
      carrier: {
        get isWritable() {
          return roomBytes > 0;
        },
        hasLists: true,
        toAll: (frame) => decodeFrame(frame).type === "message" && take("all", frame.byteLength),
        toPeers: () => undefined,
      },
      lanes: {
        ...noLanes,
        writable: (maxBytes = 0) => {
          take("one", maxBytes);
          return false;
        },
      },
      nextControlSeq: () => 1,
      events: silent,
    },
    { resendBufferBytes: 4_194_304, maxPayloadBytes: 1_000_000 },
  );
  delivery.joined(["p"]);
  for (let count = 0; count < 12; count += 1) void delivery.broadcast(new Uint8Array(32_768));

  roomBytes = 262_144;
  delivery.writable();
  expect(order.join(" ")).toBe("all all one all all one");
  roomBytes = 800_000;
  delivery.writable();

  expect(order.filter((what) => what === "all").length).toBeLessThanOrEqual(12);
  expect(order.slice(-2)).toEqual(["one", "one"]);
});

describe("the topics of a connection", () => {
  it("are told in another order each time that there is room: the first may fill it again", () => {
    const { clock, line, relay, topic: full } = openJoined();
    const order: string[] = [];
    for (const [index, name] of ["a", "b", "c"].entries()) {
      const topic = line.line.open(
        name,
        { peerId: () => name },
        {
          onJoined: () => undefined,
          onDown: () => undefined,
          onPeerJoined: () => undefined,
          onPresence: () => undefined,
          onPeerLeft: () => undefined,
          onData: () => undefined,
          onOmitted: () => undefined,
          onCongestion: () => undefined,
          onEnded: () => undefined,
          onWritable: () => {
            order.push(name);
            topic.sendToAll(new Uint8Array(300_000));
          },
        },
      );
      relay.last.joined({ topicHandle: 10 + index, peerHandle: 200 + index });
    }
    order.splice(0);
    relay.last.isStuck = true;
    full.line.sendToAll(new Uint8Array(300_000));
    for (let round = 0; round < 8; round += 1) {
      relay.last.bufferedBytes = 0;
      clock.advance(15);
    }

    expect(new Set(order)).toEqual(new Set(["a", "b", "c"]));
  });

  it("are told as soon as the socket says that all has left, and once", () => {
    const { relay, topic } = openJoined();
    relay.last.bufferedBytes = 262_144;
    topic.line.sendToAll(new Uint8Array([1]));
    const before = topic.of("writable").length;

    relay.last.drain();
    relay.last.drain();

    expect(topic.of("writable")).toHaveLength(before + 1);
  });
});
