import { CentrifugoSession } from "./centrifugo.ts";
import { ClassicJsonSession } from "./classic-json.ts";
import { DerpSession } from "./derp.ts";
import { IrohSession } from "./iroh.ts";
import { MeshSession } from "./mesh.ts";
import { MqttSession } from "./mqtt.ts";
import { NatsSession } from "./nats.ts";
import { NchanSession } from "./nchan.ts";
import { PipeSession } from "./pipe.ts";
import { RawSession } from "./raw.ts";
import type { Member, Session } from "./session.ts";
import { SocketIoSession } from "./socket-io.ts";
import { V1BinarySession } from "./v1-binary.ts";

/** The protocols that the generator speaks. */
export type SessionName =
  | "classic-json"
  | "classic-json-topic-first"
  | "v1-binary"
  | "raw"
  | "mesh"
  | "pipe"
  | "nats"
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
  raw: (member) => new RawSession(member),
  mesh: (member) => new MeshSession(member),
  pipe: () => new PipeSession(),
  nats: (member) => new NatsSession(member),
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

/** Whether members get their own messages back where all talk to all: because this protocol cannot leave them out. */
export function hasEcho(name: SessionName): boolean {
  return name === "nchan" || name === "centrifugo";
}
