import type { Access, Close, ConnectionLink, Session, SessionConnection } from "../../relay/session/ports.ts";

/** A connection that may do everything, but for what a test changes. It keeps what its session tells the access log. */
export class FakeConnection implements SessionConnection {
  readonly requestId = "test";
  readonly clientAddress = "192.0.2.1";
  readonly told: string[] = [];
  readonly access: Access;
  readonly #link: ConnectionLink | undefined;
  #session: Session | undefined;

  /** @param link is closed at the end; undefined: nothing is. */
  constructor(changes: Partial<Access> = {}, link?: ConnectionLink) {
    this.#link = link;
    this.access = {
      isGranted: true,
      mayPublish: true,
      mayUseMailboxes: true,
      subject: undefined,
      rateClass: undefined,
      mayJoin: () => true,
      present: () => Promise.resolve({ outcome: "granted", expiresAtMs: undefined }),
      denied: () => undefined,
      whenEnded: () => undefined,
      release: () => undefined,
      ...changes,
    };
  }

  authorized(): void {
    this.told.push("authorized");
  }

  failed(error: unknown): void {
    this.told.push(`failed ${String(error)}`);
  }

  joined(topicName: string): void {
    this.told.push(`joined ${topicName}`);
  }

  /** Its session, once there is one. */
  carries(session: Session): Session {
    this.#session = session;
    return session;
  }

  end({ code, reason }: Close): void {
    this.#session?.end("cut");
    this.#link?.close(code, reason);
  }

  /** Nobody asks in these tests: whoever has a name is there. */
  probe(onAnswer: (isThere: boolean) => void): () => void {
    const timer = setImmediate(() => onAnswer(true));
    return () => clearImmediate(timer);
  }

  settle(): void {
    this.told.push("settled");
  }

  lost(): void {
    this.told.push("lost");
  }

  takenOver(): void {
    this.told.push("taken over");
  }

  left(topicName: string): void {
    this.told.push(`left ${topicName}`);
  }
}
