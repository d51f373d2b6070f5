import { writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { run } from "../../client/cli/program.ts";
import { ConnectError, DeliveryError, PosternError, TopicError } from "../../client/errors.ts";
import { run as runPostern } from "../../relay/cli/program.ts";
import { eventually } from "../support/eventually.ts";
import { peerOf } from "../support/fake-relay.ts";
import { ADDRESS, failure, JoinScene as Scene } from "../support/join-scene.ts";
import { writeTemporary } from "../support/tokens.ts";

const PUBLIC = "* this topic is public: whoever runs the relay, or knows its name, reads it\n";
const alice = peerOf("alice");

/** A `connect` that does not take what it is given. */
function refusing(): never {
  throw new PosternError("option-invalid", { cause: "tls.ca is no PEM" });
}

it("is a pipe: lines go to the topic, messages come out as they are, and it ends when everybody has everything", async () => {
  const scene = new Scene().reading();
  const exitCode = scene.join();
  await scene.hasJoined();
  scene.relay.topic.says(alice, new Uint8Array([0x1b, 0xff, 0x00]));
  scene.stdin.end("one\r\n\ntwo");

  expect(await exitCode).toBe(0);
  expect(scene.printed).toBe("\u001b\u00ff\u0000\n");
  expect(scene.relay.topic.done).toEqual(["broadcast one", "broadcast two", "flush", "leave"]);
  expect(scene.relay.isClosed).toBe(true);
  expect(scene.said).toBe(`* joined\n${PUBLIC}* nobody else was there for the last line\n`);
});

it("does not say that nobody was there of a line that somebody has got before this client knew of him", async () => {
  const scene = new Scene().reading();
  scene.relay.topic.onFlush = () => scene.relay.topic.peers.set("alice", alice);
  const exitCode = scene.join();
  scene.stdin.end("one\n");

  expect(await exitCode).toBe(0);
  expect(scene.said).toBe(`* joined\n${PUBLIC}`);
});

it("is a chat in a terminal, in which nobody can write anything but a line with his name before it", async () => {
  const scene = new Scene({ isTerminal: true }).reading();
  scene.relay.topic.peers.set("alice", alice);
  const exitCode = scene.join();
  await scene.hasJoined();
  scene.relay.topic.says(peerOf("ma\u202ello\u001b[2J"), "hi\n* alice left\u200b\u009b2J");
  scene.relay.topic.emit("join", peerOf("\u001b]0;x\u0007"));
  scene.relay.topic.emit("leave", peerOf("bob\r"));
  scene.stdin.end("hello\n");

  expect(await exitCode).toBe(0);
  expect(Buffer.from(scene.printed, "latin1").toString()).toBe(
    "<ma\uFFFDllo\uFFFD[2J> hi * alice left\uFFFD\uFFFD2J\n",
  );
  expect(scene.said).toBe(
    `* joined; type a line and press Enter, end with Ctrl-D\n${PUBLIC}* alice is here\n* \uFFFD]0;x\uFFFD is here\n* bob  left\n`,
  );
});

it("prints JSON lines for programs: text where it is text, and who comes, leaves and loses", async () => {
  const scene = new Scene().reading();
  const exitCode = scene.join("--json");
  await scene.hasJoined();
  scene.relay.topic.emit("join", alice);
  scene.relay.topic.says(alice, "é\u202e");
  await eventually(() => expect(scene.printed.includes("message")).toBe(true));
  scene.relay.topic.emit("lost", { peer: alice, count: 3 });
  scene.relay.topic.says(peerOf("old", { isClassic: true }), new Uint8Array([0xff]));
  await eventually(() => expect(scene.printed.includes("base64")).toBe(true));
  scene.relay.topic.emit("leave", alice);
  scene.stdin.end();

  expect(await exitCode).toBe(3);
  expect(Buffer.from(scene.printed, "latin1").toString().trim().split("\n")).toEqual([
    '{"type":"join","peer":"alice","isClassic":false}',
    '{"type":"message","peer":"alice","isClassic":false,"isDirect":false,"text":"é\\u202e"}',
    '{"type":"lost","peer":"alice","count":3}',
    '{"type":"message","peer":"old","isClassic":true,"isDirect":false,"base64":"/w=="}',
    '{"type":"leave","peer":"alice"}',
  ]);
});

it("asks for no confirmation in plain mode, which has none, and has the name that it was given", async () => {
  const scene = new Scene().reading();
  const exitCode = scene.join("--plain", "--peer-id", "me", "--timeout", "5");
  scene.stdin.end("one\n");

  expect(await exitCode).toBe(0);
  expect(scene.relay.topic.done).toEqual(["broadcast one", "leave"]);
  expect(scene.relay.joined).toMatchObject({ topic: "t", options: { plain: true, peerId: "me", timeoutMs: 5000 } });
});

it("goes on listening behind the end of the input where it is to stay, and leaves at a signal", async () => {
  const scene = new Scene().reading();
  const exitCode = scene.join("--stay");
  scene.stdin.end("one\n");
  await eventually(() => expect(scene.relay.topic.done).toContain("flush"));
  scene.relay.topic.says(alice, "late");
  await eventually(() => expect(scene.printed === "late\n").toBe(true));
  scene.signals.emit("SIGTERM");

  expect(await exitCode).toBe(0);
  expect(scene.relay.topic.done).toEqual(["broadcast one", "flush", "leave"]);
  expect(scene.signals.eventNames()).toEqual([]);
});

it("waits for nothing after a second signal", async () => {
  const scene = new Scene().reading();
  scene.relay.topic.isStuck = true;
  const exitCode = scene.join();
  await scene.hasJoined();
  scene.signals.emit("SIGINT");
  await eventually(() => expect(scene.relay.topic.done.includes("leave")).toBe(true));
  scene.signals.emit("SIGINT");

  expect(await exitCode).toBe(130);
});

it("gives up a join that waits, at a signal", async () => {
  const scene = new Scene().reading();
  scene.relay.joinError = "never";
  const exitCode = scene.join();
  await eventually(() => expect(scene.relay.joined !== undefined).toBe(true));
  scene.signals.emit("SIGINT");

  expect(await exitCode).toBe(0);
  expect([scene.said, scene.relay.isClosed]).toEqual(["", true]);
});

it("says a refusal in the relay's own words, made harmless, and what to do about it", async () => {
  const scene = new Scene().reading();
  scene.relay.joinError = new ConnectError("unauthorized", { cause: "This relay wants\u001b[2J a valid token first" });

  expect(await scene.join()).toBe(1);
  expect(scene.said).toMatch(
    /^! .*: This relay wants.\[2J a valid token first\n {2}Give it a token .*--token-file.*\n$/,
  );
  expect(scene.printed).toBe("");
});

it.each([
  ["CERTIFICATE_MISMATCH", "the relay shows another certificate: AB:CD", /compare with what the relay prints/],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "self-signed certificate", /trust it with --fingerprint/],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "unable to verify", /name it with --ca-file/],
  ["ERR_TLS_CERT_ALTNAME_INVALID", "Hostname/IP does not match", /for another name/],
])("ends at once where the certificate is not to be trusted, and names it: %s", async (code, message, advice) => {
  const scene = new Scene().reading();
  scene.relay.joinError = "never";
  const exitCode = scene.join();
  await eventually(() => expect(scene.relay.joined !== undefined).toBe(true));
  scene.relay.fails(failure(code, message));

  expect(await exitCode).toBe(1);
  expect(scene.said.split("\n")[1]).toMatch(advice);
});

it("goes on dialling where it may get better, and says each reason once", async () => {
  const scene = new Scene().reading();
  scene.relay.joinError = "never";
  const exitCode = scene.join();
  await eventually(() => expect(scene.relay.joined !== undefined).toBe(true));
  for (const code of ["ECONNREFUSED", "ECONNREFUSED", "ENOTFOUND"]) scene.relay.fails(failure(code));
  scene.signals.emit("SIGINT");

  expect(await exitCode).toBe(0);
  expect(scene.said.match(/^! .*$/gm)).toEqual([
    "! The relay cannot be reached: ECONNREFUSED",
    "! The relay cannot be reached: ENOTFOUND",
  ]);
  expect(scene.said).toContain("  Nothing listens there");
});

it.each([
  ["proxy-auth-required", /^ {2}Put user and password into the proxy's URL/m],
  ["proxy-unreachable", /^ {2}Is the proxy's address right/m],
  ["proxy-refused", /^ {2}It is the proxy that says no, not the relay/m],
  ["proxy-invalid", /^ {2}Correct it: --proxy, HTTPS_PROXY/m],
] as const)(
  "says of a proxy what to do about it, and blames no relay for what fails beneath: %s",
  async (code, advice) => {
    const scene = new Scene().reading();
    const cause = Object.assign(new Error("nothing listens"), { code: "ECONNREFUSED" });
    scene.relay.joinError = new ConnectError(code, { cause });

    expect(await scene.join("--proxy", "http://proxy.test:3128")).toBe(1);
    expect(scene.said).toMatch(advice);
    expect(scene.said).not.toContain("is the relay running");
    expect(scene.relay.connectOptions).toMatchObject({ proxy: "http://proxy.test:3128" });
  },
);

it("tells when the connection is gone, and when it is back", async () => {
  const scene = new Scene().reading();
  const exitCode = scene.join();
  await scene.hasJoined();
  scene.relay.emit("state", "reconnecting");
  scene.relay.emit("state", "connected");
  scene.stdin.end();

  expect(await exitCode).toBe(0);
  expect(scene.said).toBe(`* joined\n${PUBLIC}* the connection is gone; dialling again\n* connected again\n`);
});

it.each([
  ["a member has not confirmed", "flushError", new DeliveryError("timed-out")],
  ["a line could not be sent", "broadcastError", new DeliveryError("payload-too-large")],
] as const)("ends with 3 where %s, and goes on until then", async (_, name, error) => {
  const scene = new Scene().reading();
  scene.relay.topic[name] = error;
  const exitCode = scene.join();
  scene.stdin.end("one\ntwo\n");

  expect(await exitCode).toBe(3);
  expect(scene.relay.topic.done.slice(-3)).toEqual(["broadcast two", "flush", "leave"]);
  expect(scene.said).toContain(`! ${error.message}\n`);
});

it("ends with 1 where the relay does not let it back", async () => {
  const scene = new Scene().reading();
  const exitCode = scene.join();
  await scene.hasJoined();
  scene.relay.topic.emit("error", new TopicError("not-permitted"));

  expect(await exitCode).toBe(1);
  expect(scene.said).toContain("! The token does not permit this\n");
});

it("says what concerns the topic, and lets no stranger fill the screen with it", async () => {
  const scene = new Scene().reading();
  const exitCode = scene.join();
  await scene.hasJoined();
  scene.relay.topic.emit("held", { peers: [alice, peerOf("bob")] });
  scene.relay.topic.emit("held", { peers: [] });
  for (let count = 0; count < 100; count += 1) {
    scene.relay.topic.emit("classic", alice);
    scene.relay.topic.emit("fault", { kind: "unreadable", peer: alice });
  }
  scene.stdin.end();

  expect(await exitCode).toBe(0);
  expect(scene.said.trim().split("\n")).toEqual([
    "* joined",
    PUBLIC.trimEnd(),
    "* waiting for alice, bob",
    expect.stringContaining("join with --plain"),
    "* some of what comes in cannot be used: unreadable",
  ]);
});

it("takes no more messages than whoever reads its output", async () => {
  const scene = new Scene();
  const exitCode = scene.join();
  await scene.hasJoined();
  const page = "x".repeat(scene.stdout.writableHighWaterMark);
  for (let count = 0; count < 10; count += 1) scene.relay.topic.says(alice, page);
  await eventually(() => expect(scene.relay.topic.takenCount > 0).toBe(true));
  scene.stdin.end();
  await eventually(() => expect(scene.relay.topic.done.includes("leave")).toBe(true));
  const taken = scene.relay.topic.takenCount;
  scene.reading();

  expect(await exitCode).toBe(0);
  expect(taken).toBeLessThan(4);
  expect(scene.printed.length).toBe(10 * (page.length + 1));
});

it("leaves where nobody reads its output any more, and takes that for an end", async () => {
  const scene = new Scene();
  const exitCode = scene.join();
  await scene.hasJoined();
  scene.relay.topic.says(alice, "hello");
  scene.stdout.destroy(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));

  expect(await exitCode).toBe(0);
  expect(scene.relay.topic.done).toEqual(["leave"]);
});

it("shows its token and trusts what it was told to", async () => {
  const scene = new Scene({ env: { POSTERN_TOKEN: "of the environment" } }).reading();
  const fingerprint = Array(32).fill("AB").join(":");
  const path = writeTemporary("token", "first\n");
  const ca = writeTemporary("ca.pem", "PEM");
  scene.stdin.end();

  expect(await scene.join("--token-file", path, "--fingerprint", fingerprint, "--ca-file", ca)).toBe(0);
  const { token, tls } = scene.relay.connectOptions;
  writeFileSync(path, "second\n");
  expect(typeof token === "function" ? await token() : undefined).toBe("second");
  expect([scene.relay.address, tls]).toEqual([ADDRESS, { ca: "PEM", fingerprint }]);
});

it("takes a token of the environment, which other users of the machine cannot read", async () => {
  const scene = new Scene({ env: { POSTERN_TOKEN: " abc\n" } }).reading();
  scene.stdin.end();

  expect(await scene.join()).toBe(0);
  expect(scene.relay.connectOptions).toEqual({ token: "abc", proxy: undefined, tls: undefined });
});

it.each([
  ["no topic", ["join", ADDRESS], /^postern-client join: Give a topic, or a secret: /],
  ["no such file", ["join", ADDRESS, "t", "--token-file", "/nowhere"], /^postern-client join: ENOENT/],
  ["no such command", ["\u001b[2J"], /^postern-client: there is no command \uFFFD\[2J\nUsage: /],
  ["nothing", [], /^Usage: postern-client <command>/],
])("ends with 2, without a dial, where it is told wrongly: %s", async (_, argv, message) => {
  const scene = new Scene().reading();

  expect(await scene.run(...argv)).toBe(2);
  expect(scene.said).toMatch(message);
  expect([scene.printed, scene.relay.address]).toEqual(["", undefined]);
});

it("ends with 2 where connect itself does not take what it was given", async () => {
  const scene = new Scene().reading();
  const { stdin, stdout, stderr, signals } = scene;

  expect(await run(["join", ADDRESS, "t"], { env: {}, stdin, stdout, stderr, signals }, refusing)).toBe(2);
  expect(scene.said).toContain("tls.ca is no PEM");
});

it.each([
  [["--version"], /^\d+\.\d+\.\d+\n$/],
  [["--help"], /^Usage: postern-client <command>/],
  [["join", "--help"], /^Usage: postern-client join <relay> \[topic\]/],
])("answers %j on standard output", async (argv, answer) => {
  const scene = new Scene().reading();

  expect(await scene.run(...argv)).toBe(0);
  expect(scene.printed).toMatch(answer);
  expect(scene.said).toBe("");
});

it("shows its name, and those of the others, as text on one line", async () => {
  const scene = new Scene({ isTerminal: true }).reading();
  const exitCode = scene.join("--name", "me");
  await scene.hasJoined();
  const { topic } = scene.relay;
  const named = { ...peerOf("abcdefghijklmnopqrstuv"), presence: Buffer.from("anna\u001b[2J\u202e") };
  topic.emit("join", named);
  topic.says(named, "hi");
  topic.emit("update", { ...named, presence: Buffer.from("x".repeat(100)) });
  scene.stdin.end();

  expect(await exitCode).toBe(0);
  expect(scene.relay.joined?.options.presence).toBe("me");
  expect(Buffer.from(scene.printed, "latin1").toString()).toBe("<anna\uFFFD[2J\uFFFD (abcdef)> hi\n");
  expect(scene.said).toContain("* anna\uFFFD[2J\uFFFD (abcdef) is here\n");
  expect(scene.said).toContain(`* abcdefghijklmnopqrstuv is now ${"x".repeat(40)} (abcdef)\n`);
});

it("is a command of postern too, which leaves its words and options to it", async () => {
  const scene = new Scene().reading();
  const { stdin, stdout, stderr, signals } = scene;
  const terminal = { env: {}, stdin, stdout, stderr, signals };

  expect(await runPostern(["join"], terminal)).toBe(2);
  expect(await runPostern(["join", "--help"], terminal)).toBe(0);
  expect(scene.said).toMatch(/^postern join: Give the address.*\nSee postern join --help\n$/);
  expect(scene.printed).toMatch(/^Usage: postern join <relay> \[topic\]/);
});
