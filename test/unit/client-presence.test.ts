import { expect, it } from "vitest";
import { openJoined, openScene } from "../support/scripted-line.ts";
import type { ScriptedSocket } from "../support/scripted-relay.ts";

const member = (peerHandle: number) => ({ peerId: `m${peerHandle}`, peerHandle });
const shown = (peerHandle: number, presence: string) =>
  ({ type: "presence", topic: "t", ...member(peerHandle), presence }) as const;

/** A topic whose join is on its way, and what it shows. */
function openJoining(presence?: () => string | undefined) {
  const scene = openScene();
  const topic = scene.line.open("t", undefined, presence);
  scene.relay.last.open();
  scene.relay.last.pong();
  return { ...scene, topic, socket: scene.relay.last };
}

const said = (socket: ScriptedSocket) => socket.of("presence").map(({ presence }) => presence);

it("asks at each join what to show, and leaves it out where there is nothing", () => {
  let own: string | undefined;
  const { relay, clock, socket } = openJoining(() => own);
  socket.joined();
  own = "";
  socket.end();
  clock.advance(1000);
  relay.last.open();

  expect([socket, relay.last].flatMap((each) => each.of("join").map(({ presence }) => presence))).toEqual([
    undefined,
    "",
  ]);
});

it("gives the members with what they show, as it is when the pages are all there", () => {
  const { socket, topic } = openJoining();
  socket.joined({ members: [{ ...member(1), presence: "old" }, member(2)], more: true });
  socket.say(shown(1, "new"));
  // It stands in a page to come.
  socket.say(shown(3, "passed over"));
  socket.say({ type: "peer-joined", topic: "t", ...member(4), presence: "" });

  socket.say({
    type: "members",
    topic: "t",
    members: [{ ...member(3), presence: "there" }],
    more: false,
    ref: socket.of("members")[0]?.ref,
  });

  expect(topic.told.map(({ type }) => type)).toEqual(["joined", "writable"]);
  expect(topic.joined.members).toEqual([
    { ...member(1), presence: "new" },
    member(2),
    { ...member(4), presence: "" },
    { ...member(3), presence: "there" },
  ]);
});

it("tells what members show when they come, later, and as they leave", () => {
  const { relay, topic } = openJoined();
  relay.last.say({ type: "peer-joined", topic: "t", ...member(1), presence: "first" });
  relay.last.say(shown(1, "second"));
  relay.last.say({ type: "peer-left", topic: "t", ...member(1) });

  expect(topic.told.slice(2)).toEqual([
    { type: "peer-joined", member: { ...member(1), presence: "first" } },
    { type: "presence", peerHandle: 1, presence: "second" },
    { type: "peer-left", member: { ...member(1), presence: "second" } },
  ]);
});

it("believes the coming of a member that stood in a page before: its presence is newer", () => {
  const { socket, topic } = openJoining();
  socket.joined({
    members: [{ ...member(1), presence: "in the page" }, member(2), { ...member(3), presence: "same" }],
  });

  for (const peerHandle of [1, 2]) {
    socket.say({ type: "peer-joined", topic: "t", ...member(peerHandle), presence: "at its coming" });
  }
  for (const presence of ["same", undefined]) socket.say({ type: "peer-joined", topic: "t", ...member(3), presence });

  expect(topic.of("presence").map(({ peerHandle, presence }) => [peerHandle, presence])).toEqual([
    [1, "at its coming"],
    [2, "at its coming"],
  ]);
  expect([topic.of("peer-joined"), socket.isOver]).toEqual([[], false]);
});

it("says a change at once where it is joined, and the last one as soon as it is", () => {
  const { socket, topic } = openJoining();
  for (const presence of ["1", "2"]) topic.line.setPresence(presence);
  const whileJoining = said(socket);
  socket.joined({ members: [member(1)], more: true });
  topic.line.setPresence("3");
  const whilePaging = said(socket);
  socket.say({ type: "members", topic: "t", members: [], more: false, ref: socket.of("members")[0]?.ref });
  const whenJoined = said(socket);

  topic.line.setPresence("4");

  expect([whileJoining, whilePaging, whenJoined, said(socket)]).toEqual([[], [], ["3"], ["3", "4"]]);
});

it("says nothing to a relay that cannot, without a connection, or of a topic that was left", async () => {
  const old = openJoining();
  old.socket.joined({ features: ["ping"] });
  old.topic.line.setPresence("x");
  const { relay, topic, clock } = openJoined();
  const first = relay.last;
  first.end();
  topic.line.setPresence("for the join to say");
  clock.advance(1000);
  relay.last.open();
  relay.last.joined();
  void topic.line.leave();
  topic.line.setPresence("x");

  expect([old.socket, first, relay.last].map(said)).toEqual([[], [], []]);
});

it("keeps one of many changes while the socket takes nothing, and says it when there is room", () => {
  const { relay, topic, clock } = openJoined();
  const { last: socket } = relay;
  socket.isStuck = true;
  for (let count = 1; count <= 10_000; count += 1) topic.line.setPresence("x".repeat(1000) + count);
  const whileStuck = said(socket).length;

  socket.isStuck = false;
  socket.bufferedBytes = 0;
  clock.advance(20);

  expect(whileStuck).toBeLessThan(300);
  expect(said(socket)).toHaveLength(whileStuck + 1);
  expect(said(socket).at(-1)).toMatch(/x10000$/);
});

/** What no relay says, each of it many times: the first few are passed over, then the connection is closed. */
const lies: Record<string, string> = {
  "a presence of 1 MB": JSON.stringify(shown(1, "x".repeat(1_000_000))),
  "a member who comes with 1 MB": JSON.stringify({ ...shown(9, "x".repeat(1_000_000)), type: "peer-joined" }),
  "a presence that is no text": JSON.stringify({ ...shown(1, ""), presence: { of: "one" } }),
  "what an unknown member shows": JSON.stringify(shown(77, "x")),
  "what a member shows under another's name": JSON.stringify({ ...shown(1, "x"), peerId: "m2" }),
  "the own member's": JSON.stringify({ ...shown(100, "x"), peerId: "self" }),
  "another topic's": JSON.stringify({ ...shown(1, "x"), topic: "other" }),
};

it.each(Object.entries(lies))("puts up with a few, and then closes: %s", (_, lie) => {
  const { line, relay, topic } = openJoined();
  relay.last.say({ type: "peer-joined", topic: "t", ...member(1) });
  const before = topic.told.length;

  for (let count = 0; count < 8; count += 1) relay.last.say(lie);
  expect(relay.last.isOver).toBe(false);
  relay.last.say(lie);

  expect(relay.last.isOver).toBe(true);
  expect(line.errors.map(({ code }) => code)).toEqual(["protocol-error"]);
  expect(topic.told.slice(before).map(({ type }) => type)).toEqual(["down"]);
});

it("does not believe an answer to its join in which a member shows 1 MB", () => {
  const { socket, topic } = openJoining();

  socket.joined({ members: [{ ...member(1), presence: "x".repeat(1_000_000) }] });

  expect(topic.told).toEqual([]);
});

it("passes on an endless row of changes, and keeps the last of each member", () => {
  const { relay, topic } = openJoined();
  relay.last.say({ type: "peer-joined", topic: "t", ...member(1) });
  for (let count = 0; count < 5000; count += 1) relay.last.say(shown(1, `${count}`));

  relay.last.say({ type: "peer-left", topic: "t", ...member(1) });

  expect(topic.of("presence")).toHaveLength(5000);
  expect(topic.of("peer-left")[0]?.member.presence).toBe("4999");
});
