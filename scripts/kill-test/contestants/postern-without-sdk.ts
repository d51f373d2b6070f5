import { SUBPROTOCOL_V1 } from "../../../protocol/subprotocol.ts";
import { decodeBinaryRelayData, encodeBinaryClientData } from "../../../protocol/v1-binary.ts";
import { encodeV1ClientMessage } from "../../../protocol/v1-client-messages.ts";
import { decodeV1RelayMessage } from "../../../protocol/v1-relay-messages.ts";
import { type KillTestContestant, TOPIC } from "../contestant.ts";
import { NaiveMember, type Speech } from "../naive-member.ts";
import { postern } from "./postern.ts";

/** The same relay, and a bare socket that speaks `postern.v1` with data in binary. */
export const posternWithoutSdk: KillTestContestant = {
  name: "Postern, no SDK",
  sentence: "the relay of this repository and the client of `ws`, with data in binary frames",
  missing: () => undefined,
  command: postern.command,
  openMember: async (setting, hooks) => {
    const member = new NaiveMember(setting, hooks, () => new V1Speech());
    await member.ready;
    return member;
  },
};

class V1Speech implements Speech {
  readonly subprotocol: string = SUBPROTOCOL_V1;
  readonly hello: string = encodeV1ClientMessage({ type: "join", topic: TOPIC, encoding: "binary" });
  #topicHandle: number | undefined;

  get isReady(): boolean {
    return this.#topicHandle !== undefined;
  }

  hear(text: string): void {
    const message = decodeV1RelayMessage(text);
    if (message.type === "joined") this.#topicHandle = message.topicHandle;
  }

  encode(payload: Uint8Array): Uint8Array {
    return encodeBinaryClientData({ topicHandle: this.#topicHandle ?? 0, to: undefined, payload });
  }

  decode(bytes: Uint8Array): Uint8Array | undefined {
    const data = decodeBinaryRelayData(bytes);
    return data.type === "binary-data" ? data.payload : undefined;
  }
}
