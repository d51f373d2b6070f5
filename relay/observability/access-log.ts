/**
 * What is known of one connection from its upgrade to its end. One object per connection, shared by all who tell the
 * access log of it.
 */
export type ConnectionFacts = {
  /** Short and random, in base32; also in the answers to what fails, so that a report can be found in the log. */
  readonly requestId: string;
  /** The client's own address, also behind a trusted proxy. In the access log only: never in a metric or an error. */
  readonly clientAddress: string;
  /** The wire protocol, and which of its kinds of client this is: closed sets, they are labels. */
  readonly dialect: string;
  readonly client: string;
  /** Monotonic milliseconds of the relay's clock. */
  readonly openedAtMs: number;
  /** Who the grant names, once there is one. Logged as a hash. */
  readonly subject: string | undefined;
};

/** What is known of a request that became no connection. */
export type RefusedRequest = Pick<ConnectionFacts, "requestId" | "clientAddress">;

/** How a connection ended. */
export type ConnectionEnd = {
  /** RFC 6455 section 7.1.5: 1006 where the socket ended without a close frame. */
  readonly closeCode: number;
  /** The code of the relay's own that says the same, where that is another one: the reason is its name. */
  readonly meaning?: number | undefined;
  /** Who said it. */
  readonly by: "peer" | "relay";
  /** Bytes read from and written to the socket, WebSocket headers and all, TLS not counted. */
  readonly bytesIn: number;
  readonly bytesOut: number;
};

/** Is told what happens to connections. Never throws, never waits; topic names and subjects are hashed behind it. */
export interface AccessLog {
  /** An upgrade was taken. */
  connected(facts: ConnectionFacts): void;
  /** An upgrade was refused. @param reason a word of a closed set. @param status of the HTTP answer. */
  refused(request: RefusedRequest, reason: string, status: number): void;
  joined(facts: ConnectionFacts, topicName: string): void;
  /** Left a topic while the connection goes on; the end of a connection leaves the rest without a word. */
  left(facts: ConnectionFacts, topicName: string): void;
  closed(facts: ConnectionFacts, end: ConnectionEnd): void;
}
