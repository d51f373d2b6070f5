import { CentrifugoSession } from "./centrifugo.ts";
import { ClassicJsonSession } from "./classic-json.ts";
import { DerpSession } from "./derp.ts";
import { IrohSession } from "./iroh.ts";
import { MeshSession } from "./mesh.ts";
import { MqttSession } from "./mqtt.ts";
import { NatsSession } from "./nats.ts";
import { NatsJetStreamSession } from "./nats-jetstream.ts";
import { NchanSession } from "./nchan.ts";
import { PipeSession } from "./pipe.ts";
import { RawSession } from "./raw.ts";
import type { Member, Session, StoringSession } from "./session.ts";
import { SocketIoSession } from "./socket-io.ts";
import { V1BinarySession } from "./v1-binary.ts";
import { V1MailboxSession } from "./v1-mailbox.ts";

/** The protocols that the generator speaks. */
export type SessionName =
  | "classic-json"
  | "classic-json-topic-first"
  | "v1-binary"
  | "v1-mailbox"
  | "raw"
  | "mesh"
  | "pipe"
  | "nats"
  | "nats-jetstream"
  | "mqtt"
  | "nchan"
  | "socket-io"
  | "centrifugo"
  | "derp"
  | "iroh";

const sessions: Readonly<Record<SessionName, (member: Member) => Session>> = {
  "classic-json": (member) => new ClassicJsonSession(member),
  "classic-json-topic-first": (member) => new ClassicJsonSession(member, "topic-first"),
  "v1-binary": (member) => new V1BinarySession(member),
  "v1-mailbox": (member) => new V1MailboxSession(member),
  raw: (member) => new RawSession(member),
  mesh: (member) => new MeshSession(member),
  pipe: () => new PipeSession(),
  nats: (member) => new NatsSession(member),
  "nats-jetstream": (member) => new NatsJetStreamSession(member),
  mqtt: (member) => new MqttSession(member),
  nchan: (member) => new NchanSession(member),
  "socket-io": (member) => new SocketIoSession(member),
  centrifugo: (member) => new CentrifugoSession(member),
  derp: (member) => new DerpSession(member),
  iroh: (member) => new IrohSession(member),
};

/** One member's side of a protocol. */
export function createSession(name: SessionName, member: Member): Session {
  return sessions[name](member);
}

/** One depositor's side. @throws Error where the protocol stores nothing. */
export function createStoringSession(name: SessionName, member: Member): StoringSession {
  const session = createSession(name, member);
  if (isStoring(session)) return session;
  throw new Error(`${name} stores nothing`);
}

function isStoring(session: Session): session is StoringSession {
  return "onStored" in session;
}

/** Whether members get their own messages back where all talk to all: because this protocol cannot leave them out. */
export function hasEcho(name: SessionName): boolean {
  return name === "nchan" || name === "centrifugo";
}
