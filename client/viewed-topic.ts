import type { Message, Peer, Topic, TopicEvents } from "./topic.ts";
import type { TopicView } from "./topic-view.ts";

/** What an app sees of a topic, the same for both kinds. */
export abstract class ViewedTopic
  implements Pick<Topic, "name" | "peers" | "messages" | "on" | "leave" | typeof Symbol.asyncDispose>
{
  readonly name: string;
  readonly #view: TopicView;

  constructor(name: string, view: TopicView) {
    this.name = name;
    this.#view = view;
  }

  /** Resolves when it was joined, rejects when it never will be. */
  get joined(): Promise<void> {
    return this.#view.joined;
  }

  /** Aborted when it has ended. */
  get ended(): AbortSignal {
    return this.#view.ended;
  }

  get peers(): ReadonlyMap<string, Peer> {
    return this.#view.peers;
  }

  messages(options: { readonly signal?: AbortSignal | undefined } = {}): AsyncIterableIterator<Message> {
    return this.#view.read(options.signal);
  }

  on<Name extends keyof TopicEvents>(name: Name, listener: (event: TopicEvents[Name]) => void): () => void {
    return this.#view.on(name, listener);
  }

  abstract leave(): Promise<void>;

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave();
  }
}
