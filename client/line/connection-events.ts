import type { PosternError } from "../errors.ts";
import type { Ending, LastWord, Restart } from "./ending.ts";
import type { Joined } from "./topic-handler.ts";

/** What a connection tells, itself with it, one event after the other until `onEnd`. */
export interface EventsOf<Connection> {
  /** Questions may be asked. */
  onOpen(connection: Connection): void;
  /** The relay has answered. */
  onUp(connection: Connection): void;
  /** A renewal has failed; what was granted before stays. */
  onError(error: PosternError): void;
  onJoined(joined: Joined, connection: Connection): void;
  /** The relay says, or refuses, what is about no topic. */
  onOther(text: string): void;
  onOtherRefused(error: LastWord): void;
  /** The relay closes it soon. */
  onRestarting(restart: Restart, connection: Connection): void;
  onEnd(ending: Ending, connection: Connection): void;
}
