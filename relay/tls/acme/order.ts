import { isIP } from "node:net";
import { type Authorization, crypto, type Order } from "acme-client";
import type { Clock } from "../../clock.ts";
import { AcmeError, ProblemError, readProblem } from "./acme-error.ts";
import type { ChallengeAnswers } from "./challenges.ts";
import type { AcmeClient, OrderExtras } from "./client.ts";
import type { Pace } from "./schedule.ts";
import { wait } from "./wait.ts";

/** What an order works with. */
export type OrderParts = {
  readonly client: AcmeClient;
  readonly clock: Clock;
  readonly answers: ChallengeAnswers;
  readonly pace: Pick<Pace, "pollMs" | "maxPollMs">;
  /** Ends the order: it was to be done by now, or the relay stops. */
  readonly signal: AbortSignal;
};

/** What is ordered. */
export type OrderRequest = {
  readonly names: readonly string[];
  readonly extras: OrderExtras;
};

/** Refusals of `replaces` (RFC 9773 section 5): the order itself may be fine. */
const REPLACES_REFUSED = new Set(["alreadyReplaced", "malformed", "unauthorized"]);

/**
 * Places an order; as a new one, where the CA does not take it for what it replaces.
 * @throws ProblemError, UnreachableError
 */
export async function placeOrder(
  client: Pick<AcmeClient, "placeOrder">,
  { names, extras }: OrderRequest,
): Promise<Order> {
  // RFC 8738 section 3: addresses are identifiers of their own type.
  const identifiers = names.map((value) => ({ type: isIP(value) === 0 ? "dns" : "ip", value }));
  try {
    return await client.placeOrder({ identifiers }, extras);
  } catch (error) {
    const isRefused = error instanceof ProblemError && REPLACES_REFUSED.has(error.problem.type);
    if (extras.replaces === undefined || !isRefused) throw error;
    return client.placeOrder({ identifiers }, { ...extras, replaces: undefined });
  }
}

/**
 * Brings an order from its start to the certificate: proves the names, in the one way that is set up, and has it signed.
 * Step by step and not by acme-client's `auto`, which takes another kind of challenge where this one is not offered.
 * @param preferredChain the common name of an issuer; "" takes the chain that the CA has first.
 * @returns a fresh ECDSA P-256 key and its chain, both PEM.
 * @throws AcmeError, ProblemError, UnreachableError
 */
export async function fulfilOrder(
  parts: OrderParts,
  order: Order,
  { names, preferredChain }: Pick<OrderRequest, "names"> & { readonly preferredChain: string },
): Promise<{ readonly key: string; readonly certificate: string }> {
  const { client } = parts;
  await proveNames(parts, order);
  const key = await crypto.createPrivateEcdsaKey("P-256");
  const [, csr] = await crypto.createCsr({ altNames: [...names] }, key);
  const ready = await pollOrder(parts, order, "ready");
  // A CA that signs while we ask has nothing left to be finalized.
  const signing = ready.status === "ready" ? await finalize(client, ready, csr) : ready;
  const done = signing.status === "valid" ? signing : await pollOrder(parts, signing, "valid");
  const chain = await client.getCertificate(done, preferredChain === "" ? undefined : preferredChain);
  return { key: key.toString(), certificate: chain };
}

/** Has the order signed. Where the answer is lost and it is sent again, the CA says that it is no longer ready: it signs. */
async function finalize(client: AcmeClient, ready: Order, csr: Buffer): Promise<Order> {
  try {
    return await client.finalizeOrder(ready, csr);
  } catch (error) {
    if (!(error instanceof ProblemError) || error.problem.type !== "orderNotReady") throw error;
    const now = await client.getOrder(ready);
    if (now.status === "pending" || now.status === "ready") throw error;
    return now;
  }
}

async function proveNames(parts: OrderParts, order: Order): Promise<void> {
  const { client, answers } = parts;
  const open = (await client.getAuthorizations(order)).filter(({ status }) => status !== "valid");
  const withdrawals: (() => void)[] = [];
  try {
    for (const authorization of open) {
      const challenge = challengeOf(authorization, answers.type);
      const keyAuthorization = await client.getChallengeKeyAuthorization(challenge);
      const name = authorization.identifier.value;
      withdrawals.push(answers.prepare({ name, token: challenge.token, keyAuthorization }));
      await client.completeChallenge(challenge);
    }
    await pollAuthorizations(parts, order);
  } finally {
    for (const withdraw of withdrawals) withdraw();
  }
}

function challengeOf(
  authorization: Authorization,
  type: ChallengeAnswers["type"],
): Authorization["challenges"][number] {
  const failure = failureOf(authorization);
  if (failure !== undefined) throw failure;
  const challenge = authorization.challenges.find((offered) => offered.type === type);
  if (challenge !== undefined) return challenge;
  const offered = authorization.challenges.map((other) => other.type).join(", ");
  throw new AcmeError(
    "challenge-failed",
    `${authorization.identifier.value}: the CA does not offer ${type}, only ${offered === "" ? "nothing" : offered}.`,
  );
}

async function pollAuthorizations(parts: OrderParts, order: Order): Promise<void> {
  await poll(parts, async () => {
    const authorizations = await parts.client.getAuthorizations(order);
    const failure = authorizations.map(failureOf).find((found) => found !== undefined);
    if (failure !== undefined) throw failure;
    return authorizations.every(({ status }) => status === "valid") ? true : undefined;
  });
}

/** What became of the proof of a name, where it cannot be valid any more. */
function failureOf({ status, identifier, challenges }: Authorization): AcmeError | undefined {
  if (status === "valid" || status === "pending") return undefined;
  const { type, detail } = readProblem(challenges.find(({ error }) => error !== undefined)?.error);
  const reason = type === "" ? `the authorization is ${status}` : `${type}: ${detail}`;
  return new AcmeError(type === "rateLimited" ? "rate-limited" : "challenge-failed", `${identifier.value}: ${reason}`);
}

/** RFC 8555 section 7.1.6: pending, ready, processing, valid; or invalid from any of them. */
function pollOrder(parts: OrderParts, order: Order, wanted: "ready" | "valid"): Promise<Order> {
  return poll(parts, async () => {
    const now = await parts.client.getOrder(order);
    if (now.status === "invalid") {
      const { type, detail } = readProblem(now.error);
      throw new AcmeError(
        type === "rateLimited" ? "rate-limited" : "ca-refused",
        `The CA gave the order up: ${type}: ${detail}`,
      );
    }
    return now.status === wanted || now.status === "valid" ? now : undefined;
  });
}

/** Asks until there is an answer, less and less often. */
async function poll<T>({ clock, pace, signal }: OrderParts, ask: () => Promise<T | undefined>): Promise<T> {
  for (let delayMs = pace.pollMs; ; delayMs = Math.min(delayMs * 2, pace.maxPollMs)) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await wait(clock, delayMs, signal);
    if (signal.aborted) throw new AcmeError("ca-unreachable", "The CA did not finish the order in time.");
  }
}
