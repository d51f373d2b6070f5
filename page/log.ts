import type { Peer } from "../client/index.ts";
import { element, make } from "./elements.ts";
import { nameOf, shortIdOf, toShownText } from "./names.ts";

/** Lines that are kept: those before them are taken away. */
const MAX_LINES = 500;
/** So far from its end it still follows what comes. */
const NEAR_END_PX = 40;

/** The lines of the conversation. */
export class Log {
  readonly #list: HTMLElement = element("log", HTMLElement);

  /** Somebody has said something. @param peer undefined: oneself. */
  message(peer: Peer | undefined, text: string): void {
    const who = peer === undefined ? [make("span", "you", "who")] : whoIs(peer);
    this.#add("", [...who, `: ${toShownText(text)}`]);
  }

  /** Something has happened, to this peer or to all. */
  event(text: string, peer?: Peer): void {
    this.#add("event", [...(peer === undefined ? [] : [...whoIs(peer), " "]), text]);
  }

  /** Something is not as it should be. */
  warning(text: string, peer?: Peer): void {
    this.#add("warning", [...(peer === undefined ? [] : [...whoIs(peer), ": "]), text]);
  }

  /** A peer has another name: it has it in all lines, as one that has just come may have had none yet. */
  renamed(peer: Peer): void {
    for (const name of this.#list.querySelectorAll<HTMLElement>(".who")) {
      if (name.dataset["peer"] === peer.id) name.textContent = nameOf(peer);
    }
  }

  clear(): void {
    this.#list.replaceChildren();
  }

  #add(className: string, parts: readonly (Node | string)[]): void {
    const list = this.#list;
    const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR_END_PX;
    const line = make("p", "", className);
    line.append(make("time", new Date().toTimeString().slice(0, 5)), ...parts);
    list.append(line);
    if (list.childElementCount > MAX_LINES) list.firstElementChild?.remove();
    if (isAtEnd) list.scrollTop = list.scrollHeight;
  }
}

/** A name and what tells it from another one of that name. */
export function whoIs(peer: Peer): readonly Node[] {
  const name = make("span", nameOf(peer), "who");
  name.dataset["peer"] = peer.id;
  return [name, make("span", shortIdOf(peer), "id")];
}
