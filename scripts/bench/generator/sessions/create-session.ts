import { SeedJsonSession } from "./classic-json.ts";
import { MqttSession } from "./mqtt.ts";
import { NatsSession } from "./nats.ts";
import { NchanSession } from "./nchan.ts";
import { PipeSession } from "./pipe.ts";
import type { Member, Session } from "./session.ts";
import { SocketIoSession } from "./socket-io.ts";
import { V1BinarySession } from "./v1-binary.ts";

/** The protocols that the generator speaks. */
export type SessionName = "seed-json" | "v1-binary" | "pipe" | "nats" | "mqtt" | "nchan" | "socket-io";

const sessions: Readonly<Record<SessionName, new (member: Member) => Session>> = {
  "seed-json": SeedJsonSession,
  "v1-binary": V1BinarySession,
  pipe: PipeSession,
  nats: NatsSession,
  mqtt: MqttSession,
  nchan: NchanSession,
  "socket-io": SocketIoSession,
};

/** One member's side of a protocol. */
export function createSession(name: SessionName, member: Member): Session {
  return new sessions[name](member);
}
