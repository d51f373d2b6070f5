import { once } from "node:events";
import type { Fault, Loss, Message, Peer } from "../topic.ts";
import { adviceFor } from "./advice.ts";
import type { Output, Terminal } from "./terminal.ts";
import { toTerminalJson, toTerminalText } from "./terminal-text.ts";

const MAX_NAME_LENGTH = 40;
const decoder = new TextDecoder();
const LINE_END = new TextEncoder().encode("\n");

/**
 * Writes what happens in a topic. Messages go to standard output: one line each where that is a terminal, with who sent them;
 * as they are, with a line end behind, where it is a program. Notices begin with `*` and failures with `!`, and go to
 * standard error. Nothing that another member or the relay says reaches a terminal as more than text on one line.
 */
export class Printer {
  readonly #stdout: Output;
  readonly #stderr: Output;
  readonly #isJson: boolean;
  readonly #isTerminal: boolean;
  /** What has been said, of what may happen again and again: strangers cannot fill the screen with it. */
  readonly #said = new Set<string>();
  /** The last failure of each relay, by its address: of one alone, by none. */
  readonly #failures = new Map<string, string>();

  constructor({ stdout, stderr }: Pick<Terminal, "stdout" | "stderr">, { isJson }: { readonly isJson: boolean }) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#isJson = isJson;
    this.#isTerminal = stdout.isTTY === true;
  }

  /** Resolves when there is room for more, or the signal says that nobody waits for it. */
  async message(message: Message, signal: AbortSignal): Promise<void> {
    if (this.#stdout.write(this.#formOf(message))) return;
    // It rejects when the stream has failed, or the signal came: both are known to whoever reads messages.
    await once(this.#stdout, "drain", { signal }).catch(() => undefined);
  }

  join(peer: Peer): void {
    this.#record({ type: "join", peer: peer.id, isClassic: peer.isClassic, ...keyOf(peer), ...presenceOf(peer) });
    const proved = peer.publicKey === undefined ? "" : `, with the key ${peer.publicKey}`;
    this.notice(`${nameOf(peer)} is here${proved}`);
  }

  update(peer: Peer): void {
    this.#record({ type: "update", peer: peer.id, ...presenceOf(peer) });
    this.notice(`${peer.id} is now ${nameOf(peer)}`);
  }

  leave(peer: Peer): void {
    this.#record({ type: "leave", peer: peer.id });
    this.notice(`${nameOf(peer)} left`);
  }

  lost({ peer, count }: Loss): void {
    this.#record({ type: "lost", peer: peer.id, count });
    this.failure(`${count} ${count === 1 ? "message" : "messages"} of ${nameOf(peer)} did not get through`);
  }

  held(peers: readonly Peer[]): void {
    if (peers.length > 0) this.notice(`waiting for ${peers.map(nameOf).join(", ")}`);
  }

  classic(): void {
    this.#once("a member speaks the classic messages alone, and cannot read what is sent here: join with --plain");
  }

  fault({ kind }: Fault): void {
    this.#once(`some of what comes in cannot be used: ${kind}`);
  }

  notice(text: string): void {
    this.#stderr.write(`* ${toTerminalText(text)}\n`);
  }

  /** An error, with what to do about it; or a sentence. @param address of the relay, where there are several */
  failure(error: unknown, address?: string): void {
    const text = error instanceof Error ? error.message : String(error);
    this.#stderr.write(`! ${toTerminalText(address === undefined ? text : `${address}: ${text}`)}\n`);
    const advice = adviceFor(error);
    if (advice !== undefined) this.#stderr.write(`  ${toTerminalText(advice)}\n`);
  }

  /** An attempt that failed, and is followed by others: the same one in a row is told once. @param address as of `failure` */
  attempt(error: Error, address?: string): void {
    if (this.#failures.get(address ?? "") === error.message) return;
    this.#failures.set(address ?? "", error.message);
    this.failure(error, address);
  }

  #once(text: string): void {
    if (this.#said.has(text)) return;
    this.#said.add(text);
    this.notice(text);
  }

  #formOf(message: Message): string | Uint8Array {
    if (this.#isJson) return `${toTerminalJson(recordOf(message))}\n`;
    if (this.#isTerminal) return `<${toTerminalText(nameOf(message.peer))}> ${toTerminalText(message.text)}\n`;
    return Buffer.concat([message.data, LINE_END]);
  }

  #record(record: object): void {
    if (this.#isJson) this.#stdout.write(`${toTerminalJson(record)}\n`);
  }
}

/** What it calls itself, as far as it does, and enough of its id to tell two of that name apart. */
function nameOf({ id, presence }: Peer): string {
  const name = presence === undefined ? "" : decoder.decode(presence).trim();
  return name === "" ? id : `${Array.from(name).slice(0, MAX_NAME_LENGTH).join("")} (${id.slice(0, 6)})`;
}

function keyOf({ publicKey }: Peer): object {
  return publicKey === undefined ? {} : { publicKey };
}

function presenceOf({ presence }: Peer): object {
  return presence === undefined ? {} : { presence: decoder.decode(presence) };
}

/** `text` for what is UTF-8, else `base64`. */
function recordOf({ peer, data, text, isDirect }: Message): object {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const content = Buffer.from(text).equals(bytes) ? { text } : { base64: bytes.toString("base64") };
  return { type: "message", peer: peer.id, isClassic: peer.isClassic, ...keyOf(peer), isDirect, ...content };
}
