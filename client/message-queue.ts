import type { Message } from "./topic.ts";

/** So many taken ones may stand before the first that is left, until the list is cut: taking one costs the same for any length. */
const SLACK_COUNT = 1024;

/** Messages in order, with their bytes. */
export class MessageQueue {
  #messages: (Message | undefined)[] = [];
  #at = 0;
  #bytes = 0;

  get count(): number {
    return this.#messages.length - this.#at;
  }

  get bytes(): number {
    return this.#bytes;
  }

  push(message: Message): void {
    this.#messages.push(message);
    this.#bytes += message.data.length;
  }

  /** Takes the first one out. */
  shift(): Message | undefined {
    const message = this.#messages[this.#at];
    if (message === undefined) return undefined;
    this.#messages[this.#at] = undefined;
    this.#at += 1;
    this.#bytes -= message.data.length;
    if (this.#at > SLACK_COUNT && this.#at * 2 > this.#messages.length) {
      this.#messages = this.#messages.slice(this.#at);
      this.#at = 0;
    }
    return message;
  }
}
