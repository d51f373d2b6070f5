/** What one connection of a client program does: the same in each program of test/network/clients. */
export type Plan = {
  /** Also its peer id. */
  readonly name: string;
  readonly url: string;
  readonly form: "classic" | "json" | "binary";
  /** What it joins, in this order. */
  readonly topics: readonly string[];
  /** It reads no faster; 0: as fast as it comes. */
  readonly readBytesPerSecond?: number;
  /** It looks at no data (`ws` alone): a thousand senders of one topic are a thousand receivers of each message. */
  readonly isDeaf?: boolean;
  readonly send?: Sending;
  /** "patient": it waits for ever for the pong of its own library's pings. "mute": it answers no pings (`ws` alone). */
  readonly keepalive?: "default" | "patient" | "mute";
};

/** What it sends: messages that begin with their number, in eight digits. */
export type Sending = {
  readonly topic: string;
  readonly sizeBytes: number;
  /** 0: it stops when somebody leaves the topic, and not before. */
  readonly count: number;
  /** Not even then. */
  readonly isEndless?: boolean;
  /** On a line on its standard input, or as soon as somebody else is in the topic. */
  readonly begins: "when-told" | "when-met";
  /** Whether it holds back while it is told that the topic is congested. */
  readonly isPolite?: boolean;
};

/** What a client program tells, one JSON object per line. */
export type ClientEvent =
  | { readonly name: string; readonly event: "joined"; readonly topic: string }
  | {
      readonly name: string;
      readonly event: "message";
      readonly from: string;
      readonly index: number;
      readonly bytes: number;
    }
  | { readonly name: string; readonly event: "peer-left"; readonly peerId: string }
  | { readonly name: string; readonly event: "congested" | "relieved" }
  | { readonly name: string; readonly event: "sent"; readonly index: number }
  | { readonly name: string; readonly event: "closed"; readonly code: number; readonly reason: string };
