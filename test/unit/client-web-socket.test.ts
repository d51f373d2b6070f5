import { expect, it } from "vitest";
import type { SocketEnd } from "../../client/line/socket.ts";
import { webSocketDial } from "../../client/line/web-socket.ts";
import { FakeClock } from "../support/fake-clock.ts";

/** A WebSocket of a runtime that tells only what the test lets it. */
class SilentWebSocket extends EventTarget {
  binaryType = "blob";
  protocol = "postern.v1";
  readyState = 0;
  bufferedAmount = 0;
  readonly sent: unknown[] = [];

  send(message: unknown): void {
    this.sent.push(message);
  }

  close(): void {
    this.readyState = 2;
  }

  tell(name: string, fields: object = {}): void {
    this.dispatchEvent(Object.assign(new Event(name), fields));
  }
}

function dial() {
  const clock = new FakeClock();
  const inner = new SilentWebSocket();
  const ends: SocketEnd[] = [];
  const told: unknown[] = [];
  const Class = function create() {
    return inner;
  } as unknown as new () => WebSocket;
  const socket = webSocketDial(clock, () => new Class())("wss://relay.test", {
    onOpen: () => told.push("open"),
    onText: (text) => told.push(text),
    onBytes: (bytes) => told.push(bytes),
    onEnd: (end) => ends.push(end),
  });
  return { clock, inner, ends, told, socket };
}

it.each([0, 1005, 1006, 1015])("reads %i as no code", (code) => {
  const { inner, ends } = dial();

  inner.tell("close", { code, reason: "" });

  expect(ends.map((end) => end.code)).toEqual([undefined]);
});

it("adds the code of the close event that follows an error, and is ended once", () => {
  const { clock, inner, ends } = dial();
  inner.tell("open");

  inner.tell("error", { message: "broken" });
  inner.tell("close", { code: 4001, reason: "reads nothing" });
  inner.tell("error");
  clock.advance(5000);

  expect(ends).toEqual([{ code: 4001, reason: "reads nothing" }]);
});

it("keeps what an error told where the close event after it has no code", () => {
  const { inner, ends } = dial();

  inner.tell("error", { message: "Proxy authentication required: 407" });
  inner.tell("close", { code: 1006, reason: "" });

  expect(ends).toEqual([{ code: undefined, reason: "", cause: "Proxy authentication required: 407" }]);
});

it("is ended by an error that no close event follows, as a failed connect of Node 22", () => {
  const { clock, inner, ends } = dial();

  inner.tell("error", { message: "Received network error" });
  clock.advance(0);
  inner.tell("open");

  expect(ends).toEqual([{ code: undefined, reason: "", cause: "Received network error" }]);
});

it("is ended where nothing but readyState tells so, after the close event has had its time", () => {
  const { clock, inner, ends } = dial();
  inner.tell("open");
  inner.readyState = 3;

  clock.advance(1000);
  expect(ends).toEqual([]);
  clock.advance(1000);

  expect(ends).toEqual([{ code: undefined, reason: "" }]);
});

it("asks for array buffers, and passes over what comes after its end", () => {
  const { inner, told, socket, ends } = dial();
  expect(inner.binaryType).toBe("arraybuffer");
  inner.tell("open");
  inner.tell("message", { data: "text" });
  inner.tell("message", { data: new Uint8Array([1, 2]).buffer });
  socket.send("sent");

  socket.close("bye");
  inner.tell("message", { data: "late" });
  inner.tell("close", { code: 1000, reason: "bye" });
  socket.send("late");

  expect(told).toEqual(["open", "text", new Uint8Array([1, 2])]);
  expect(inner.sent).toEqual(["sent"]);
  expect(ends).toEqual([{ code: 1000, reason: "bye" }]);
});

it("does not open with another server than a relay", () => {
  const { inner, told, ends } = dial();
  inner.protocol = "";

  inner.tell("open");

  expect(told).toEqual([]);
  expect(ends).toHaveLength(1);
});
