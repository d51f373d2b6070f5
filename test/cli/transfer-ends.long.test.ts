import { randomBytes } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { newCode } from "../../client/cli/transfer/code-words.ts";
import { checkGone } from "../../client/cli/transfer/transfer.ts";
import { DeliveryError } from "../../client/errors.ts";
import { connect } from "../../client/node.ts";
import type { PeerStream } from "../../client/streams/peer-stream.ts";
import { StreamError } from "../../client/streams/stream-error.ts";
import { eventually } from "../support/eventually.ts";
import { PATIENCE_MS } from "../support/patience.ts";
import { Run } from "../support/process.ts";
import { startRelay } from "../support/relay.ts";
import { fileOf, PROGRAM, receiving, sending, temporaryFolder } from "../support/transfers.ts";

it("moves a file of any size to whoever has the code, under its own name", async () => {
  const relay = await startRelay({ tls: "off" });
  for (const [name, size] of [
    ["report.pdf", 3_000_000],
    ["nothing.txt", 0],
  ] as const) {
    const bytes = randomBytes(size);
    const folder = temporaryFolder();
    const [sender, code] = await sending(relay, fileOf(bytes, name));
    const receiver = receiving(relay, code, folder);

    expect([await receiver.exitCode(), await sender.exitCode()]).toEqual([0, 0]);
    expect(readFileSync(join(folder, name)).equals(bytes)).toBe(true);
    expect(receiver.stdout).toBe(`${name}\n`);
    expect(existsSync(join(folder, `${name}.part`))).toBe(false);
    expect(sender.stderr).toMatch(/^\* received over there, SHA-256 [0-9a-f]{64}$/m);
  }
});

it("moves a file over the relay whose certificate is trusted, where another one's is not", async () => {
  const untrusted = await startRelay();
  const relay = await startRelay({ tls: "off" });
  const bytes = randomBytes(1000);
  const folder = temporaryFolder();
  const sender = new Run([PROGRAM, "send", untrusted.url, fileOf(bytes), "--relay", relay.url]);
  await sender.printed(/^(\w{5}-){8}\w{5}$/m);
  await sender.printed(/^\* going on with the other relays$/m);
  const receiver = receiving(relay, sender.stdout.trim(), folder);

  expect([await receiver.exitCode(), await sender.exitCode()]).toEqual([0, 0]);
  expect(readFileSync(join(folder, "report.pdf")).equals(bytes)).toBe(true);
});

it("begins anew where what is there is of another file, and replaces no file", async () => {
  const relay = await startRelay({ tls: "off" });
  const bytes = randomBytes(100_000);
  const folder = temporaryFolder();
  writeFileSync(join(folder, "other.bin.part"), randomBytes(50_000));
  const [sender, code] = await sending(relay, fileOf(bytes));
  const receiver = receiving(relay, code, folder, "--output", "other.bin");
  expect([await receiver.exitCode(), await sender.exitCode()]).toEqual([0, 0]);
  expect(readFileSync(join(folder, "other.bin")).equals(bytes)).toBe(true);

  const [again, codeAgain] = await sending(relay, fileOf(randomBytes(10)));
  const refused = receiving(relay, codeAgain, folder, "-o", "other.bin");

  expect([await refused.exitCode(), await again.exitCode()]).toEqual([3, 3]);
  for (const { stderr } of [refused, again]) expect(stderr).toMatch(/other\.bin is there already/);
  expect(readFileSync(join(folder, "other.bin")).equals(bytes)).toBe(true);
});

it("does not replace a file that comes while it receives", async () => {
  const relay = await startRelay({ tls: "off" });
  const folder = temporaryFolder();
  const bytes = randomBytes(40_000_000);
  const [sender, code] = await sending(relay, fileOf(bytes));
  const receiver = receiving(relay, code, folder);
  await receiver.printed(/^\* receiving report\.pdf/m);
  writeFileSync(join(folder, "report.pdf"), "mine", { flag: "wx" });

  expect([await receiver.exitCode(), await sender.exitCode()]).toEqual([3, 3]);
  expect(receiver.stderr).toMatch(/report\.pdf is there already/);
  expect(readFileSync(join(folder, "report.pdf"), "utf8")).toBe("mine");
});

it("says that the disk is full where it takes a part of the last piece, and does not call that the file", async () => {
  const relay = await startRelay({ tls: "off" });
  const folder = temporaryFolder();
  const [, code] = await sending(relay, fileOf(randomBytes(20_000), "report.pdf"));
  // A largest size for files, in blocks of 512 or 1024 bytes, takes a part as a full disk does.
  const words = `ulimit -f 16; exec "$0" "$@"`;
  const receiver = new Run(["-c", words, process.execPath, PROGRAM, "receive", relay.url, code], {
    command: "sh",
    cwd: folder,
  });

  expect(await receiver.exitCode()).toBe(3);
  expect(receiver.stderr).toMatch(/EFBIG/);
  expect(existsSync(join(folder, "report.pdf"))).toBe(false);
});

it("takes a folder as the place, and says of a certificate that nobody trusts what it is, at once", async () => {
  const relay = await startRelay({ tls: "off" });
  const bytes = randomBytes(1000);
  const folder = temporaryFolder();
  const [sender, code] = await sending(relay, fileOf(bytes, "in folder.bin"));
  const receiver = receiving(relay, code, temporaryFolder(), "-o", folder);
  expect([await receiver.exitCode(), await sender.exitCode()]).toEqual([0, 0]);
  expect(readFileSync(join(folder, "in folder.bin")).equals(bytes)).toBe(true);

  const distrusted = receiving(await startRelay(), newCode(), folder);

  expect(await distrusted.exitCode()).toBe(1);
  expect(distrusted.stderr).toMatch(/trust it with --fingerprint/);
});

it("is refused words that are none before it dials", async () => {
  const code = newCode();
  const rows: readonly (readonly [readonly string[], RegExp])[] = [
    [["send", "ws://127.0.0.1:9"], /Which file\?/],
    [["send", "ws://127.0.0.1:9", "/nowhere"], /ENOENT/],
    [["send", "ws://127.0.0.1:9", tmpdir()], /pack a folder first/],
    [["send", "report.pdf"], /set POSTERN_RELAY/],
    [["receive", "ws://127.0.0.1:9"], /Give the code/],
    [["receive", "ws://127.0.0.1:9", "lusab"], /9 words, and this has 1/],
    [["receive", "ws://127.0.0.1:9", code, "more"], /Give two words/],
    [["receive", "ws://127.0.0.1:9", code, "--timeout", "0"], /--timeout/],
    [["receive", "ws://127.0.0.1:9", code, "--fingerprint", "AB"], /64 hex digits/],
  ];
  for (const [words, problem] of rows) {
    const run = new Run([PROGRAM, ...words]);
    expect(await run.exitCode()).toBe(2);
    expect(run.stderr).toMatch(problem);
    expect(run.stderr).not.toContain(code);
  }
});

it("gives up after its time, and at a signal, with a word", async () => {
  const relay = await startRelay({ tls: "off" });
  const late = receiving(relay, newCode(), temporaryFolder(), "--timeout", "1");
  expect(await late.exitCode()).toBe(3);
  expect(late.stderr).toMatch(/nobody came in time/);
  const [stopped] = await sending(relay, fileOf(randomBytes(10)));
  stopped.signal("SIGINT");

  expect(await stopped.exitCode()).toBe(3);
});

it("says that the relay cannot be reached, and not that nobody came", async () => {
  const run = new Run([PROGRAM, "receive", "ws://127.0.0.1:9", newCode(), "--timeout", "1"]);

  expect(await run.exitCode()).toBe(1);
  expect(run.stderr).not.toMatch(/nobody came/);
});

it("waits for who is gone, and ends with the reason of who gave one and left", async () => {
  const gone = new DeliveryError("peer-gone");
  const reason = new StreamError({ reason: "the disk is full" });

  await expect(checkGone(undefined, gone)).resolves.toBeUndefined();
  await expect(checkGone(endedBy(gone), gone)).resolves.toBeUndefined();
  await expect(checkGone(endedBy(reason), gone)).rejects.toBe(reason);
  await expect(checkGone(undefined, reason)).rejects.toBe(reason);
});

it("takes nothing into other folders from a sender who says so", async () => {
  const relay = await startRelay({ tls: "off" });
  const { parseCode } = await import("../../client/cli/transfer/code-words.ts");
  const { streamsOf } = await import("../../client/streams.ts");
  const { wordsOf } = await import("../../client/cli/transfer/words.ts");
  const code = newCode();
  const secret = parseCode(code);
  if ("problem" in secret) throw new Error(secret.problem);
  const liar = connect(relay.url);
  onTestFinished(() => liar.close());
  const topic = await liar.join({ secret, name: "file" });
  const folder = temporaryFolder();
  const receiver = receiving(relay, code, folder);
  await eventually(() => expect(topic.peers.size).toBe(1));
  const [peer = ""] = topic.peers.keys();
  const streams = streamsOf(topic);
  // The receiver is in the topic a moment before it takes streams.
  const stream = await vi.waitFor(() => streams.open(peer, "file"), { timeout: PATIENCE_MS });
  const writer = stream.writable.getWriter();

  await writer.write(wordsOf({ name: "../../outside\u001b[2J", sizeBytes: 2 ** 50 }));
  await receiver.printed(/^\* receiving outside_\[2J, /m);
  await writer.write(Buffer.concat([wordsOf({ start: 7 })]));

  expect(await receiver.exitCode()).toBe(3);
  expect(receiver.stderr).toMatch(/the other side speaks something else/);
});

/** As much of a stream as says what has ended it. */
function endedBy(reason: Error): Pick<PeerStream, "closed"> {
  const { promise: closed, reject } = Promise.withResolvers<void>();
  reject(reason);
  return { closed };
}
