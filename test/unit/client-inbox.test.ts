import { expect, it, vi } from "vitest";
import { Inbox } from "../../client/inbox.ts";
import type { Message } from "../../client/topic.ts";
import { messageOf } from "../../client/topic-view.ts";

const peer = { id: "peer", isClassic: false };

function message(text: string): Message {
  return messageOf(peer, new TextEncoder().encode(text), false);
}

function filled(inbox: Inbox, ...texts: readonly string[]): void {
  for (const text of texts) inbox.offer(message(text), { isHeard: false });
}

it("gives the first who reads what came before", async () => {
  const inbox = new Inbox(() => undefined);
  filled(inbox, "a", "b");

  const reader = inbox.read(undefined);
  filled(inbox, "c");

  expect([(await reader.next()).value?.text, (await reader.next()).value?.text]).toEqual(["a", "b"]);
  expect((await reader.next()).value?.text).toBe("c");
});

it("gives who reads later only what comes from then on, and each reader all of it", async () => {
  const inbox = new Inbox(() => undefined);
  filled(inbox, "a");
  const first = inbox.read(undefined);
  const second = inbox.read(undefined);

  filled(inbox, "b");

  expect((await second.next()).value?.text).toBe("b");
  expect([(await first.next()).value?.text, (await first.next()).value?.text]).toEqual(["a", "b"]);
});

it("keeps nothing for iterators where listeners have had it", async () => {
  const inbox = new Inbox(() => undefined);
  inbox.offer(message("heard"), { isHeard: true });

  const reader = inbox.read(undefined);
  filled(inbox, "b");

  expect((await reader.next()).value?.text).toBe("b");
});

it("keeps the latest 1,000 for an app that has not begun to read, and always has room", async () => {
  const inbox = new Inbox(() => undefined);
  filled(inbox, ...Array.from({ length: 1001 }, (_, index) => `${index}`));

  expect(inbox.hasRoom).toBe(true);
  expect((await inbox.read(undefined).next()).value?.text).toBe("1");
});

it("has no room while an iterator has 10,000 unread, and says when it has again", async () => {
  const onRoom = vi.fn<() => void>();
  const inbox = new Inbox(onRoom);
  const reader = inbox.read(undefined);
  filled(inbox, ...Array.from({ length: 9999 }, () => "x"));
  expect(inbox.hasRoom).toBe(true);

  filled(inbox, "y");
  expect(inbox.hasRoom).toBe(false);
  expect(onRoom).not.toHaveBeenCalled();
  await reader.next();

  expect(inbox.hasRoom).toBe(true);
  expect(onRoom).toHaveBeenCalledOnce();
});

it("ends iterators behind what they have not read; a reader that returns gives its room back", async () => {
  const inbox = new Inbox(() => undefined);
  const reader = inbox.read(undefined);
  const quitter = inbox.read(undefined);
  filled(inbox, ...Array.from({ length: 10_000 }, () => "x"));
  await quitter.return?.();
  expect(inbox.hasRoom).toBe(false);

  inbox.close();

  const read: Message[] = [];
  for await (const next of reader) read.push(next);
  expect(read).toHaveLength(10_000);
  expect((await inbox.read(undefined).next()).done).toBe(true);
});

it("ends a waiting reader with its signal", async () => {
  const inbox = new Inbox(() => undefined);
  const controller = new AbortController();
  const reader = inbox.read(controller.signal);
  const next = reader.next();

  controller.abort();

  expect((await next).done).toBe(true);
  expect((await inbox.read(AbortSignal.abort()).next()).done).toBe(true);
});
