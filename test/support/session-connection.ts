import type { Access, SessionConnection } from "../../relay/hub/ports.ts";

/** A connection that may do everything, but for what a test changes. It keeps what its session tells the access log. */
export class FakeConnection implements SessionConnection {
  readonly requestId = "test";
  readonly told: string[] = [];
  readonly access: Access;

  constructor(changes: Partial<Access> = {}) {
    this.access = {
      isGranted: true,
      mayPublish: true,
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

  left(topicName: string): void {
    this.told.push(`left ${topicName}`);
  }
}
