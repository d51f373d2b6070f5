import type { Encoding, HubEvent, MemberIdentity } from "../../hub/ports.ts";
import { messageFrame, messageFrameAround } from "../../wire/message-frame.ts";
import { writeMessage, writePeerJoined } from "./mesh-messages.ts";
import type { NodeFacts } from "./mesh-nodes.ts";

const NOTHING = new Uint8Array(0);

/** Writes what nodes are told: messages that their session has put together already, and who comes and goes. */
export class MeshEncoding implements Encoding {
  readonly #factsOf: (member: MemberIdentity) => NodeFacts | undefined;

  /** @param factsOf what is known of a node that has come: the hub knows its id alone. */
  constructor(factsOf: (member: MemberIdentity) => NodeFacts | undefined) {
    this.#factsOf = factsOf;
  }

  takes(kind: string): boolean {
    return kind === "peer-joined" || kind === "peer-left";
  }

  isAlikeForAll(): boolean {
    return true;
  }

  encode(event: HubEvent): Uint8Array {
    switch (event.type) {
      case "data":
        return messageFrameAround("text", NOTHING, event.payload.asSent());
      case "peer-left":
        return messageFrame("text", writeMessage({ type: "peer_left", node_id: event.member.peerId }));
      case "peer-joined": {
        const facts = this.#factsOf(event.member);
        if (facts === undefined) throw new TypeError("a node that nobody knows");
        return messageFrame("text", writePeerJoined(facts));
      }
      case "addressed":
      case "omitted":
      case "presence":
        throw new TypeError("nodes have no word for this: ask first");
    }
  }
}
