import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { systemClock } from "../../relay/clock.ts";
import { RateClasses } from "../../relay/limits/rate-classes.ts";
import { PollLink } from "../../relay/polling/poll-link.ts";
import type { ConnectionLink, Ending, LinkOwner } from "../../relay/session/ports.ts";
import { TurnClock } from "../../relay/turn-clock.ts";
import { Flusher } from "../../relay/websocket/flusher.ts";
import { WebSocketLink } from "../../relay/websocket/link.ts";
import { Pacing } from "../../relay/websocket/pacing.ts";
import { Throttle } from "../../relay/websocket/throttle.ts";
import { messageFrame } from "../../relay/wire/message-frame.ts";
import { eventually } from "../support/eventually.ts";
import { type LinkPeer, SocketPeer } from "../support/link-peer.ts";
import { MemoryLink } from "../support/memory-link.ts";
import { PollPeer } from "../support/poll-peer.ts";
import { decodeFrames, Opcode, type ServerFrame, wholeMessages } from "../support/raw-socket.ts";

const CLOSE_TIMEOUT_MS = 1000;
const STALLED_MS = 300;

type Scene = { readonly link: ConnectionLink; readonly peer: LinkPeer };
/** An owner that keeps what it is told, in order; a test may act within `receive`. */
class Owner implements LinkOwner {
  readonly received: string[] = [];
  readonly events: string[] = [];
  onReceive: () => void = () => undefined;

  receive(message: Uint8Array, isBinary: boolean): void {
    this.received.push(`${isBinary ? "binary " : ""}${Buffer.from(message).toString("latin1")}`);
    this.onReceive();
  }

  hungUp(how: Ending): void {
    this.events.push(`hung up: ${how}`);
  }

  ended(closeCode: number): void {
    this.events.push(`ended ${closeCode}`);
  }
}

/** What every link does: over a socket, or otherwise. @param create a link that has no owner yet, and its peer. */
function linkContract(name: string, create: () => Promise<Scene>): void {
  async function attached(): Promise<Scene & { readonly owner: Owner }> {
    const { link, peer } = await create();
    const owner = new Owner();
    link.attach(owner, Buffer.alloc(0));
    return { link, peer, owner };
  }

  describe(name, () => {
    it("gives its owner whole messages in order, and says which are binary", async () => {
      const { peer, owner } = await attached();

      peer.say("one", Buffer.of(0xff, 0), "", "x".repeat(100_000));

      await eventually(() => expect(owner.received).toHaveLength(4));
      expect(owner.received).toEqual(["one", "binary \xff\0", "", "x".repeat(100_000)]);
    });

    it.each([
      ["pause", (link: ConnectionLink) => link.pause(), (link: ConnectionLink) => link.resume({ isFreed: false })],
      ["hold", (link: ConnectionLink) => link.hold(), (link: ConnectionLink) => link.release()],
      ["pauseFor", (link: ConnectionLink) => link.pauseFor(500), () => undefined],
    ])("stops after the message at hand (%s), and goes on in order, later", async (_name, shut, open) => {
      const { link, peer, owner } = await attached();
      owner.onReceive = () => {
        if (owner.received.length === 1) shut(link);
      };

      peer.say("1", "2", "3");
      await eventually(() => expect(owner.received).toHaveLength(1));
      await turns();
      const whileShut = [...owner.received];
      open(link);
      const withinTheCall = [...owner.received];

      expect([whileShut, withinTheCall]).toEqual([["1"], ["1"]]);
      await eventually(() => expect(owner.received).toEqual(["1", "2", "3"]));
    });

    it("is read again only when nothing keeps it from it", async () => {
      const { link, peer, owner } = await attached();
      owner.onReceive = () => {
        link.pause();
        link.hold();
      };
      peer.say("1", "2");
      await eventually(() => expect(owner.received).toHaveLength(1));

      link.resume({ isFreed: false });
      await turns();
      const whileHeld = [...owner.received];
      link.release();

      expect(whileHeld).toEqual(["1"]);
      await eventually(() => expect(owner.received).toEqual(["1", "2"]));
    });

    it("brings every frame to the peer, in order and byte for byte, though the memory of large ones is used again", async () => {
      const { link, peer } = await attached();
      const sizes = [1, 70_000, 200, 70_000, 50_000, 70_000, 3];

      for (const [index, size] of sizes.entries()) {
        link.send(messageFrame("binary", Buffer.alloc(size, index + 1)));
        if (index % 2 === 0) await turns();
      }

      const expected = sizes.map((size, index) => [Opcode.binary, size, new Set([index + 1])]);
      await eventually(() =>
        expect(
          wholeMessages(peer.frames()).map(({ opcode, payload }) => [opcode, payload.length, new Set(payload)]),
        ).toEqual(expected),
      );
    });

    it("tells what waits and what the peer has read, and calls back once when little is left", async () => {
      const { link, peer } = await attached();
      peer.stopReading();
      const frame = messageFrame("binary", Buffer.alloc(65_536, 7));
      const COUNT = 400;
      for (let count = 0; count < COUNT; count += 1) link.send(frame);
      await turns();
      const [buffered, readBefore] = [link.bufferedBytes, link.readByPeerBytes];
      const calledAt: number[] = [];
      link.whenBelow(100_000, () => calledAt.push(link.bufferedBytes));
      const callsAtOnce = calledAt.length;

      peer.startReading();

      const allBytes = COUNT * 65_536;
      await eventually(() =>
        expect(wholeMessages(peer.frames()).reduce((sum, { payload }) => sum + payload.length, 0)).toBe(allBytes),
      );
      await eventually(() => expect(link.bufferedBytes).toBe(0));
      // As far as a link can know: not all of it, but not more than was read.
      expect(link.readByPeerBytes).toBeGreaterThan(readBefore);
      expect(link.readByPeerBytes).toBeLessThanOrEqual(link.bytesOut);
      expect(link.bytesOut).toBeGreaterThanOrEqual(COUNT * frame.length);
      expect(buffered).toBeGreaterThan(100_000);
      expect(callsAtOnce).toBe(0);
      expect(calledAt).toHaveLength(1);
      expect(calledAt[0]).toBeLessThanOrEqual(100_000);
    });

    it("calls back once when what waited has been written, whatever has come behind it", async () => {
      const { link, peer } = await attached();
      peer.stopReading();
      const frame = messageFrame("binary", Buffer.alloc(65_536, 7));
      for (let count = 0; count < 400; count += 1) link.send(frame);
      await turns();
      const calledAt: number[] = [];
      link.whenWritten(() => calledAt.push(link.bufferedBytes));
      const behind = messageFrame("binary", Buffer.alloc(100, 7));
      link.send(behind);
      await turns();
      const whileUnread = [...calledAt];

      peer.startReading();

      await eventually(() => expect(wholeMessages(peer.frames())).toHaveLength(401));
      await eventually(() => expect(link.bufferedBytes).toBe(0));
      expect(whileUnread).toEqual([]);
      expect(calledAt).toHaveLength(1);
      // Never before its time: at most what came behind it waits.
      expect(calledAt[0]).toBeLessThanOrEqual(behind.length + 256);
    });

    it("judges a peer that takes nothing of what waits as stalled, and not one that reads", async () => {
      const { link, peer } = await attached();
      const verdicts: unknown[] = [];
      for (let count = 0; count < 20; count += 1) {
        link.send(newLargeFrame());
        await turns();
        verdicts.push(link.judge());
      }
      peer.stopReading();
      for (let count = 0; count < 400; count += 1) link.send(newLargeFrame());

      await eventually(() => expect(link.judge()).toBe("stalled"));
      expect(new Set(verdicts)).toEqual(new Set([undefined]));
    });

    it("closes behind what is queued, takes nothing more from either side, and ends once, with the first code", async () => {
      const { link, peer, owner } = await attached();
      owner.onReceive = () => {
        link.send(messageFrame("text", Buffer.from("before")));
        link.close(4000, "bye");
        link.send(messageFrame("text", Buffer.from("after")));
        link.close(1008, "again");
      };

      peer.say("1", "2");

      await eventually(() => expect(owner.events).toContain("ended 4000"));
      await turns();
      expect(peer.frames().filter(isDataOrClose).map(shown)).toEqual(["before", "close 4000 bye"]);
      expect(owner.received).toEqual(["1"]);
      expect(owner.events.filter((event) => event.startsWith("ended"))).toHaveLength(1);
    });

    it("leaves behind what is queued and says nothing more, but takes what the peer says until it answers", async () => {
      const { link, peer, owner } = await attached();
      peer.stopReading();
      link.send(messageFrame("text", Buffer.from("before")));
      link.leave(4000, "bye");
      link.send(messageFrame("text", Buffer.from("after")));

      peer.say("1", "2");
      await eventually(() => expect(owner.received).toEqual(["1", "2"]));
      peer.startReading();

      await eventually(() => expect(owner.events).toContain("ended 4000"));
      expect(peer.frames().filter(isDataOrClose).map(shown)).toEqual(["before", "close 4000 bye"]);
    });

    it("takes nothing more from one that it was leaving when it is told to close", async () => {
      const { link, peer, owner } = await attached();
      peer.stopReading();
      owner.onReceive = () => link.close(1008, "again");
      link.leave(4000, "bye");

      peer.say("1", "2");
      await eventually(() => expect(owner.received).toEqual(["1"]));
      peer.startReading();

      await eventually(() => expect(owner.events).toContain("ended 4000"));
      expect(owner.received).toEqual(["1"]);
    });

    it("gives up on a peer that does not answer the close", async () => {
      const { link, peer, owner } = await attached();
      peer.stopReading();
      link.send(messageFrame("text", Buffer.from("never read")));

      link.close(1012, "restart");

      await eventually(() => expect(owner.events).toEqual(["ended 1012"]));
    });

    it("also closes where that is said before it has an owner", async () => {
      const { link, peer } = await create();
      const owner = new Owner();

      link.close(1011, "defect");
      peer.say("too late");
      link.attach(owner, Buffer.alloc(0));

      await eventually(() => expect(owner.events).toContain("ended 1011"));
      expect(owner.received).toEqual([]);
    });

    it("ends at once and once without a word", async () => {
      const { link, peer, owner } = await attached();

      link.terminate();
      link.terminate();

      await eventually(() => expect(owner.events).toEqual(["ended 1006"]));
      expect(peer.frames().filter(isDataOrClose)).toEqual([]);
    });

    it("tells its owner that the peer has said its last word, before the end with the peer's code", async () => {
      const { peer, owner } = await attached();

      peer.hangUp(1000);

      await eventually(() => expect(owner.events).toEqual(["hung up: closed", "ended 1000"]));
    });

    it("tells its owner that the peer is gone", async () => {
      const { peer, owner } = await attached();

      peer.vanish();

      await eventually(() => expect(owner.events).toEqual(["ended 1006"]));
    });

    it("hears a message, and a sign of life that it asked for; silence counts only while it reads", async () => {
      const { link, peer, owner } = await attached();
      const atFirst = link.wasHeard();
      peer.stopReading();
      await turns();
      link.wasHeard();
      const inSilence = link.wasHeard();

      peer.say("here");
      await eventually(() => expect(owner.received).toHaveLength(1));
      const afterMessage = [link.wasHeard(), link.wasHeard()];
      link.ping();
      peer.startReading();
      await eventually(() => expect(link.wasHeard()).toBe(true));
      peer.stopReading();
      await turns();
      link.pause();
      link.wasHeard();
      const whilePaused = link.wasHeard();

      expect([atFirst, inSilence, afterMessage, whilePaused]).toEqual([true, false, [true, false], true]);
      expect(link.bytesIn).toBeGreaterThanOrEqual("here".length);
    });
  });
}

const turns = () =>
  new Promise((resolve) => {
    setImmediate(() => setImmediate(() => setImmediate(resolve)));
  });

/** A new one each time: the memory of one that was written belongs to the next. */
function newLargeFrame(): Uint8Array {
  return messageFrame("binary", Buffer.alloc(65_536));
}

function isDataOrClose({ opcode }: ServerFrame): boolean {
  return opcode <= Opcode.close;
}

function shown({ opcode, payload }: ServerFrame): string {
  return opcode === Opcode.close
    ? `close ${payload.readUInt16BE(0)} ${payload.subarray(2).toString()}`
    : payload.toString();
}

const LINK_OPTIONS = {
  maxFrameBytes: 1_000_000,
  closeTimeoutMs: CLOSE_TIMEOUT_MS,
  stalledReaderTimeoutMs: STALLED_MS,
  slowReaderTimeoutMs: 60_000,
  slowReaderBytesPerSecond: 1,
};

/** What the relay's own links share. */
function linkParts() {
  const clock = new TurnClock(systemClock);
  clock.start();
  onTestFinished(() => clock.stop());
  const throttle = new Throttle(clock, new RateClasses({ messages: undefined, bytes: undefined }, []));
  return { clock, flusher: new Flusher(clock, { flushIntervalMs: 0 }), throttle };
}

linkContract("a WebSocket on a socket", async () => {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const far = connect(port, "127.0.0.1");
  const [near] = (await once(server, "connection")) as [Socket];
  server.close();
  onTestFinished(() => {
    far.destroy();
    near.destroy();
  });
  const parts = linkParts();
  const link = new WebSocketLink({ ...parts, pacing: new Pacing(parts.clock) }, near, LINK_OPTIONS);
  return { link, peer: new SocketPeer(far) };
});

linkContract("a link that is polled", () => {
  const link = new PollLink(linkParts(), { ...LINK_OPTIONS, maxOutboxBytes: 16_777_216 }, () => undefined);
  const peer = new PollPeer(link);
  onTestFinished(() => {
    peer.stopReading();
    link.terminate();
  });
  return Promise.resolve({ link, peer });
});

linkContract("a link in memory", () => {
  const link = new MemoryLink(systemClock, { closeTimeoutMs: CLOSE_TIMEOUT_MS, stalledReaderTimeoutMs: STALLED_MS });
  const bodies: Buffer[] = [];
  const poll = () => {
    const body = link.take();
    if (body.length > 0) bodies.push(body);
  };
  let polling: NodeJS.Timeout | undefined;
  const startReading = () => {
    polling ??= setInterval(poll, 1);
  };
  const stopReading = () => {
    clearInterval(polling);
    polling = undefined;
  };
  onTestFinished(stopReading);
  startReading();
  return Promise.resolve({
    link,
    peer: {
      say: (...messages) => messages.forEach((message) => link.say(message)),
      frames: () => decodeFrames(Buffer.concat(bodies)),
      stopReading,
      startReading,
      hangUp: (code) => link.hangUp(code),
      vanish: () => link.vanish(),
    },
  });
});
