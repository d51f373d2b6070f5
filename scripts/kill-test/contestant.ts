import type { ServerCommand } from "../bench/server-command.ts";

/** What a server of the kill test is started with. It is started so again after every kill. */
export type ServerSetting = {
  readonly port: number;
  readonly keyPath: string;
  readonly certificatePath: string;
  /** A directory of its own, for configuration and whatever it writes. */
  readonly directory: string;
};

/** How a member joins the topic. */
export type MemberSetting = {
  /** `127.0.0.1`, and a port of this member alone. */
  readonly port: number;
  /** PEM: the certificate to trust. */
  readonly ca: string;
  /** Counts from 0. */
  readonly index: number;
  /** Of all members. */
  readonly memberCount: number;
};

/** What a member tells. */
export type MemberHooks = {
  /** The bytes of another member's message. */
  readonly onMessage: (bytes: Uint8Array) => void;
  /** The client says that messages are lost: how many, or, undefined, that whatever was sent until now may be. */
  readonly onLost: (count: number | undefined) => void;
  /** The client says of a message that it took that it was not sent after all. */
  readonly onRefused: (bytes: Uint8Array) => void;
  /** The client says that what it publishes waits for others, or no longer. */
  readonly onHeld: (isHeld: boolean) => void;
};

/** One member of the topic, which reconnects by itself. */
export interface KillTestMember {
  /** Resolves when the client takes more. Rejects where it says that this message was not sent. */
  publish(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** A server and its client that claim to carry messages over cuts and restarts. */
export type KillTestContestant = {
  /** As `--only` and the table name it. */
  readonly name: string;
  /** What it is, and with which settings: one sentence for the page. */
  readonly sentence: string;
  /** What to do so that it can take part on this machine; undefined where it can. */
  readonly missing: () => string | undefined;
  /** Listens on `127.0.0.1` with TLS. May write files into the directory. */
  readonly command: (setting: ServerSetting) => ServerCommand;
  /** Resolves when the member has joined the topic. */
  readonly openMember: (setting: MemberSetting, hooks: MemberHooks) => Promise<KillTestMember>;
};

/** All members are in the one topic of this name. */
export const TOPIC = "kill-test";

/** For who wants messages alone. */
export const SILENT: Omit<MemberHooks, "onMessage"> = {
  onLost: () => undefined,
  onRefused: () => undefined,
  onHeld: () => undefined,
};
