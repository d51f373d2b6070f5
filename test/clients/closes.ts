import { expect } from "vitest";
import { CloseCode } from "../../protocol/close-codes.ts";
import { SUBPROTOCOL_V1 } from "../../protocol/subprotocol.ts";
import type { Config } from "../../relay/config/options.ts";
import { openV1 } from "../support/client.ts";
import { startRelay, type TestRelay } from "../support/relay.ts";
import { token, tokenOptions, writeTemporary } from "../support/tokens.ts";
import type { ClientProgram } from "./client-program.ts";

/** How a connection comes to be closed, and what a client is to see of it. */
type Close = {
  readonly code: number;
  readonly reason: string;
  readonly options?: () => Partial<Config> | Promise<Partial<Config>>;
  /** Without: a v1 client. */
  readonly isClassic?: true;
  readonly provoke: (client: ClientProgram, relay: TestRelay) => void | Promise<void>;
};

const JOIN = { type: "join", topic: "t" };
const MAX_FRAME_BYTES = 65_536;

/**
 * Every code that the relay sends to clients that can be had by any library, but 4001 and 4002: those who read slowly are in
 * test/network. No library can be made to send what 1002 and 1007 are for.
 */
const closes: readonly Close[] = [
  { code: 1000, reason: "", provoke: (client) => client.close(1000) },
  {
    code: CloseCode.policyViolation,
    reason: "no join in time",
    options: () => ({ joinTimeoutMs: 100 }),
    provoke: () => undefined,
  },
  {
    code: CloseCode.messageTooBig,
    reason: "message too big",
    options: () => ({ maxFrameBytes: MAX_FRAME_BYTES }),
    provoke: (client) => client.send(Buffer.alloc(MAX_FRAME_BYTES + 1)),
  },
  {
    code: CloseCode.serviceRestart,
    reason: "the relay restarts",
    provoke: async (client, relay) => {
      client.send(JOIN);
      await client.nextJson();
      void relay.stop();
    },
  },
  {
    code: CloseCode.tryAgainLater,
    reason: "topic-full",
    options: () => ({ maxMembersPerTopic: 1 }),
    isClassic: true,
    provoke: async (client, relay) => {
      await openV1(relay, JOIN.topic);
      client.send(JOIN);
    },
  },
  {
    code: CloseCode.grantExpired,
    reason: "expired",
    options: () => tokenOptions(),
    provoke: async (client) => client.send({ type: "auth", token: await token({ claims: { exp: 1_700_000_000 } }) }),
  },
  {
    code: CloseCode.unauthorized,
    reason: "missing",
    options: () => tokenOptions(),
    provoke: (client) => client.send(JOIN),
  },
  {
    code: CloseCode.grantRevoked,
    reason: "revoked",
    options: async () => ({
      ...(await tokenOptions()),
      authRevocationsFile: writeTemporary("revoked", "subject alice\n"),
    }),
    provoke: async (client) => client.send({ type: "auth", token: await token() }),
  },
  {
    code: CloseCode.takenOver,
    reason: "taken over",
    provoke: async (client, relay) => {
      client.send(JOIN);
      const { takeover } = await client.nextJson();
      const [other] = await openV1(relay, "another");
      other.send({ ...JOIN, takeover });
    },
  },
];

/** Has a connection closed with each code, and looks at what the library tells an app of it. */
export async function seesCloses(client: ClientProgram): Promise<void> {
  for (const { code, reason, options, isClassic, provoke } of closes) {
    const relay = await startRelay(await options?.());
    await client.open(relay.url, { subprotocols: isClassic === true ? [] : [SUBPROTOCOL_V1] });
    await provoke(client, relay);

    expect.soft(await client.closed(), `${code}`).toEqual({ code, reason });
    await relay.stop();
  }
}
