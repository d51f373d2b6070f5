import { expect } from "vitest";
import type { Config } from "../../relay/config/options.ts";
import { type HttpAnswer, post } from "./ask.ts";
import { PlainClient } from "./plain-client.ts";
import { startRelay, type TestRelay } from "./relay.ts";

type Place = Pick<TestRelay, "url" | "port" | "certificate">;

/** Starts a relay of agents, which forgets them with the process. */
export function startAgentRelay(options: Partial<Config> = {}): Promise<TestRelay> {
  return startRelay({ dialects: ["agent"], accountStore: "memory", agentRegistrationsPerHour: 0, ...options });
}

/** Asks for a registration. @param body of the request, as it is. */
export function askToRegister(relay: Place, body: string | Uint8Array): Promise<HttpAnswer> {
  return post(relay, "/register", { body });
}

/** Registers an agent. @returns its token. */
export async function registerAgent(relay: Place, id: string): Promise<string> {
  const { status, body } = await askToRegister(relay, JSON.stringify({ agent_id: id }));
  expect([status, body]).toEqual([200, expect.stringMatching(/"token":"tok_[\w-]{16}"/)]);
  const { token } = JSON.parse(body) as { readonly token: string };
  return token;
}

/** Opens a connection with a token, and waits for the welcome. */
export async function connectAgent(relay: Place, token: string): Promise<PlainClient> {
  const client = await PlainClient.open(relay, `/arc?token=${token}`);
  await client.settled();
  return client;
}

/** Registers an agent, and connects it. */
export async function openAgent(relay: Place, id: string): Promise<PlainClient> {
  return connectAgent(relay, await registerAgent(relay, id));
}

/** What it was told beside the welcome, without what is new each time. */
export function toldTo(client: PlainClient): readonly object[] {
  return client.heard.slice(1).map((text) => {
    const { id, ts, ...message } = JSON.parse(text) as Record<string, unknown>;
    expect([typeof id, typeof ts]).toEqual(["string", "number"]);
    return message;
  });
}
