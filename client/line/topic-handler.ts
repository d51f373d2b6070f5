import type { BinaryRelayData } from "../../protocol/v1-binary.ts";
import type { V1ClientMessage } from "../../protocol/v1-client-messages.ts";
import type { V1RelayMessage } from "../../protocol/v1-relay-messages.ts";
import type { LastWord } from "./ending.ts";

/** The answer to a join. */
export type Joined = Extract<V1RelayMessage, { type: "joined" }>;
/** What the relay says of one topic. */
export type TopicMessage = Extract<V1RelayMessage, { topic: string }> & {
  type: Exclude<V1RelayMessage["type"], "error">;
};
/** What one topic asks. */
export type TopicQuestion = Extract<V1ClientMessage, { type: "join" | "members" | "leave" }>;

/** A topic on a connection: what its messages are given to. */
export interface TopicHandler {
  /** @returns false: no relay says that now. */
  receive(message: TopicMessage, isAnswer: boolean): boolean;
  receiveData(data: BinaryRelayData): boolean;
  /** A question was refused, with this code. */
  refused(error: LastWord, question: TopicQuestion["type"]): void;
  omitted(peerHandle: number, count: number, sizeBytes: number): void;
  /** There is room in the socket again. */
  writable(): void;
}
