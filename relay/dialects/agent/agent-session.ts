import { CloseCode } from "../../../protocol/close-codes.ts";
import type { Hub } from "../../hub/hub.ts";
import type { Peer } from "../../hub/peer.ts";
import type { TurnTime } from "../../hub/ports.ts";
import type { Member } from "../../hub/topic.ts";
import type { Traffic } from "../../hub/traffic.ts";
import { closeFor, NOT_PERMITTED_CLOSE } from "../../session/access-closes.ts";
import type { Cryptography } from "../../session/cryptography.ts";
import { BytesPayload } from "../../session/payload.ts";
import type { Close, ConnectionLink, Ending, Session, SessionConnection } from "../../session/ports.ts";
import { scopedTopicName } from "../../session/topic-scope.ts";
import { messageFrame } from "../../wire/message-frame.ts";
import type { VerbatimEncoding } from "../verbatim/verbatim-encoding.ts";
import type { AgentConnection, AgentNetwork } from "./agent-network.ts";
import type { AgentRegistry } from "./agent-registry.ts";
import { type AgentMessage, readAgentMessage, writeAgentMessage, writeRelayMessage } from "./envelope.ts";

/** All agents are in one topic: who is sent what, their names decide. */
const TOPIC_NAME = scopedTopicName("agent", "network");
/** As grants and the access log know it. */
export const AGENT_PUBLIC_NAME = "/arc";
const MESSAGE_ID_CHARACTERS = 12;

/** Of the version whose messages these are. */
const ORIGINAL_VERSION = "0.1.0";

/** The original's code for it, which elsewhere is a reader that has stalled. */
const NO_TOKEN_CODE = 4001;
const NO_TOKEN = { code: NO_TOKEN_CODE, meaning: CloseCode.unauthorized } as const;
const MISSING_TOKEN_CLOSE: Close = { ...NO_TOKEN, reason: "Missing token" };
const UNKNOWN_TOKEN_CLOSE: Close = { ...NO_TOKEN, reason: "Invalid or unregistered token" };
const ENDED_TOKEN_CLOSE: Close = { ...NO_TOKEN, reason: "Registration ended" };
const TOPIC_FULL_CLOSE: Close = { code: CloseCode.tryAgainLater, reason: "topic-full" };
const TOO_MANY_CLOSE: Close = { code: CloseCode.tryAgainLater, reason: "too many connections of this agent" };

/** Why a message, or a client, is not taken. */
export type AgentRejection = "bad-message" | "not-permitted" | "topic-full" | "unauthorized" | "refused";

/** What the sessions of this dialect use. One object for all of them. */
export type AgentSessionParts = {
  readonly hub: Hub;
  readonly registry: AgentRegistry;
  readonly network: AgentNetwork;
  readonly cryptography: Pick<Cryptography, "randomText">;
  readonly encoding: VerbatimEncoding;
  readonly received: Traffic;
  readonly reject: (reason: AgentRejection) => void;
  readonly time: Pick<TurnTime, "nowMs">;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
};

/** What of the upgrade is its own. */
export type AgentOpening = { readonly token: string; readonly host: string };

/** One connection of an agent. What it may not do it is told in a message, and stays. */
export class AgentSession implements Session, AgentConnection {
  readonly #parts: AgentSessionParts;
  readonly #link: ConnectionLink;
  readonly #connection: SessionConnection;
  readonly #peer: Peer<Member>;
  /** Undefined where it was not let in. */
  #self: { readonly agentId: string; readonly member: Member } | undefined;

  constructor(parts: AgentSessionParts, link: ConnectionLink, connection: SessionConnection) {
    this.#parts = parts;
    this.#link = link;
    this.#connection = connection;
    this.#peer = parts.hub.connect(link);
  }

  get hasJoined(): boolean {
    return true;
  }

  /** Lets it in and welcomes it, or ends the connection. */
  enter({ token, host }: AgentOpening): void {
    const { hub, registry, network, time, encoding } = this.#parts;
    const { access } = this.#connection;
    if (!access.isGranted) return this.#turnAway("unauthorized", closeFor("missing"));
    if (!access.mayJoin(AGENT_PUBLIC_NAME)) return this.#turnAway("not-permitted", NOT_PERMITTED_CLOSE);
    if (token === "") return this.#turnAway("unauthorized", MISSING_TOKEN_CLOSE);
    const agentId = registry.agentOf(token);
    if (agentId === undefined) return this.#turnAway("unauthorized", UNKNOWN_TOKEN_CLOSE);
    if (hub.isFull(TOPIC_NAME)) return this.#turnAway("topic-full", TOPIC_FULL_CLOSE);
    if (!network.add(agentId, this, time.nowMs)) return this.#turnAway("refused", TOO_MANY_CLOSE);
    access.whenEnded((why) => this.#connection.end(closeFor(why)));
    const welcome = this.#relayFrame(agentId, "welcome", welcomePayload(host));
    const member = hub.join(this.#peer, { topicName: TOPIC_NAME, peerId: agentId, encoding }, () => [welcome]);
    this.#self = { agentId, member };
    this.#connection.joined(AGENT_PUBLIC_NAME);
  }

  receive(bytes: Uint8Array): void {
    if (this.#self === undefined || this.#peer.isOver) return;
    const { received, network, time } = this.#parts;
    received.add(1, bytes.length);
    const waitMs = network.sent(this.#self.agentId, time.nowMs);
    if (waitMs > 0) this.#link.pauseFor(waitMs);
    const message = readAgentMessage(bytes);
    if (typeof message === "string") this.#complain(message);
    else if (message.to.has("relay")) this.#command(message);
    else this.#pass(message, this.#self);
  }

  announceRestart(): void {
    // Its clients have no word for it: they see close code 1012.
  }

  refuseNew(): void {
    // Nor for this: what they send is taken to the end.
  }

  hearOut(): void {
    this.#parts.hub.stopDelivering(this.#peer);
  }

  end(how: Ending): void {
    if (this.#self !== undefined) this.#parts.network.remove(this.#self.agentId, this);
    this.#parts.hub.disconnect(this.#peer, how);
  }

  registrationEnded(): void {
    this.#connection.end(ENDED_TOKEN_CLOSE);
  }

  #turnAway(why: AgentRejection, close: Close): void {
    this.#parts.reject(why);
    if (!this.#connection.access.isGranted) this.#connection.access.denied();
    this.#connection.end(close);
  }

  #pass(message: AgentMessage, { agentId, member }: { readonly agentId: string; readonly member: Member }): void {
    if (!this.#connection.access.mayPublish) return this.#turnAway("not-permitted", NOT_PERMITTED_CLOSE);
    const { hub } = this.#parts;
    const bytes = writeAgentMessage(message, { ...this.#stamp(), from: agentId });
    const payload = BytesPayload.verbatim(bytes, "text");
    const { topic } = member;
    if (message.to.has("*")) {
      const own = topic.membersByPeerId(agentId);
      hub.publish(member, payload, own.length > 1 ? own : []);
      return;
    }
    const addressees = [...message.to].flatMap((name) => topic.membersByPeerId(name));
    const handles = addressees.map(({ peerHandle }) => peerHandle);
    const count = hub.sendToList(member, handles, payload);
    // One message to many counts as many.
    if (count > 1) this.#link.charge({ messageCount: count - 1, byteCount: (count - 1) * bytes.length });
    // To itself: the hub passes a sender over.
    if (message.to.has(agentId)) hub.offer(this.#peer, messageFrame("text", bytes));
  }

  #command({ type, payload }: AgentMessage): void {
    const { network } = this.#parts;
    const agentId = this.#self?.agentId ?? "";
    switch (type) {
      case "ping":
        return this.#answer("pong", undefined);
      case "list_subscriptions":
        return this.#answer("subscriptions", { agents: [...network.subscriptionsOf(agentId)] });
      case "subscribe":
      case "unsubscribe": {
        const names = namesIn(payload);
        if (names === undefined) return this.#complain("agents field must be an array of agent ids");
        if (type === "unsubscribe")
          return this.#answer("unsubscribed", { agents: names, count: network.unsubscribe(agentId, names) });
        if (network.subscribe(agentId, names) === "too-many") return this.#complain("Too many subscriptions");
        return this.#answer("subscribed", { agents: names, count: names.length });
      }
      default:
      // As the original does: whatever else is said to the relay is passed over.
    }
  }

  #complain(message: string): void {
    this.#parts.reject("bad-message");
    this.#answer("error", { code: "invalid_message", message });
  }

  /** It counts towards what the agent may send: little may ask for much. */
  #answer(type: string, payload: object | undefined): void {
    const frame = this.#relayFrame(this.#self?.agentId ?? "", type, payload);
    this.#link.charge({ messageCount: 0, byteCount: frame.length });
    this.#parts.hub.offer(this.#peer, frame);
  }

  #relayFrame(agentId: string, type: string, payload: object | undefined): Uint8Array {
    return messageFrame("text", writeRelayMessage(agentId, type, payload, this.#stamp()));
  }

  #stamp(): { readonly id: string; readonly ts: number } {
    return { id: this.#parts.cryptography.randomText(MESSAGE_ID_CHARACTERS), ts: this.#parts.nowMs() };
  }
}

/** What the original says of itself, and its client shows. */
function welcomePayload(relay: string): object {
  return { relay, version: ORIGINAL_VERSION, capabilities: ["broadcast", "direct", "subscribe"], extensions: [] };
}

function namesIn(payload: unknown): readonly string[] | undefined {
  const { agents } = (payload ?? {}) as { readonly agents?: unknown };
  if (!Array.isArray(agents)) return undefined;
  const names = agents as readonly unknown[];
  return names.every((name) => typeof name === "string") ? names : undefined;
}
