import type { Peer, Topic } from "../client/index.ts";
import { element, make, onPress, onSubmit } from "./elements.ts";
import { type Log, whoIs } from "./log.ts";
import { toName } from "./names.ts";

/** Members that are listed; the others are counted. */
const MAX_LISTED = 100;

/** A topic as the page shows it: who is here, what they say, and the ways to answer. */
export class Room {
  readonly #log: Log;
  #topic: Topic | undefined;

  /** @param name what this member calls itself at first. */
  constructor(
    log: Log,
    name: string,
    actions: { readonly leave: () => void; readonly rename: (name: string) => void },
  ) {
    this.#log = log;
    element("name", HTMLInputElement).value = name;
    onSubmit("say", () => void this.#say());
    onSubmit("rename", () => {
      actions.rename(this.name);
      this.#rename();
    });
    onPress("leave", actions.leave);
    onPress("copy", () => void copyLink());
  }

  /** What this member calls itself. */
  get name(): string {
    return toName(element("name", HTMLInputElement).value) || "guest";
  }

  /** Shows this topic from now on. */
  enter(topic: Topic): void {
    this.#topic = topic;
    const log = this.#log;
    topic.on("join", (peer) => this.#changed("is here", peer));
    topic.on("leave", (peer) => this.#changed("has left", peer));
    topic.on("update", (peer) => {
      log.renamed(peer);
      this.#list();
    });
    topic.on("message", ({ peer, text }) => log.message(peer, text));
    topic.on("lost", ({ peer, count }) => log.warning(`${count} of the messages are lost`, peer));
    topic.on("held", ({ peers }) => {
      if (peers.length > 0)
        log.event(`waiting for ${peers.length === 1 ? "a member" : `${peers.length} members`} to catch up`);
    });
    topic.on("fault", ({ kind, peer }) => log.warning(`something came that could not be used: ${kind}`, peer));
    log.event(topic.peers.size === 0 ? "You are the first here: open the link in a second tab." : "You are in.");
    this.#list();
    element("text", HTMLInputElement).focus();
  }

  /** Shows no topic any more. */
  exit(): void {
    this.#topic = undefined;
    element("members", HTMLElement).replaceChildren();
  }

  #changed(what: string, peer: Peer): void {
    this.#log.event(what, peer);
    this.#list();
  }

  #list(): void {
    const topic = this.#topic;
    if (topic === undefined) return;
    const own = make("li", this.name);
    own.append(make("span", "you", "id"));
    const others = [...topic.peers.values()].slice(0, MAX_LISTED).map((peer) => {
      const item = make("li", "");
      item.append(...whoIs(peer));
      return item;
    });
    const more = topic.peers.size - others.length;
    element("members", HTMLElement).replaceChildren(
      own,
      ...others,
      ...(more > 0 ? [make("li", `and ${more} more`)] : []),
    );
  }

  async #say(): Promise<void> {
    const field = element("text", HTMLInputElement);
    const text = field.value;
    if (text === "" || this.#topic === undefined) return;
    field.value = "";
    this.#log.message(undefined, text);
    try {
      await this.#topic.broadcast(text);
    } catch (error) {
      this.#log.warning(`Not sent: ${error instanceof Error ? error.message : "?"}`);
    }
  }

  #rename(): void {
    const { name } = this;
    element("name", HTMLInputElement).value = name;
    try {
      this.#topic?.setPresence(name);
    } catch (error) {
      this.#log.warning(`The name was not changed: ${error instanceof Error ? error.message : "?"}`);
      return;
    }
    this.#log.event(`You are ${name} now.`);
    this.#list();
  }
}

async function copyLink(): Promise<void> {
  const field = element("link", HTMLInputElement);
  const said = element("copied", HTMLElement);
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    said.textContent = "Copied";
  } catch {
    said.textContent = "Press Ctrl+C to copy it";
  }
}
