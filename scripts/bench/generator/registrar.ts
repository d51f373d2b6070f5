import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import type { Target } from "./connection.ts";

/** So many connections are kept: the relay keeps no more than a few dozen for plain requests. */
const CONNECTIONS = 4;
/** How often a rate is served. */
const STEP_MS = 10;
const TAKEN = 200;
const ABOVE_THE_LIMIT = 429;

/** Registers agents at a steady rate, beside what is measured: `POST /register`, as anybody may. */
export class Registrar {
  takenCount = 0;
  refusedCount = 0;
  readonly #port: number;
  readonly #agent: Agent;
  readonly #perSecond: number;
  #timer: NodeJS.Timeout | undefined;
  #startedMs = 0;
  #askedCount = 0;
  #failure: Error | undefined;
  #isStopped = false;

  constructor({ port, secureContext }: Target, perSecond: number) {
    this.#port = port;
    this.#perSecond = perSecond;
    this.#agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS, secureContext, servername: "localhost" });
  }

  start(): void {
    this.#startedMs = performance.now();
    this.#timer = setInterval(() => this.#serve(), STEP_MS);
  }

  /** @throws Error where an answer was another than "taken" and "too many", and where none was taken: nothing was tried then. */
  throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.takenCount === 0) throw new Error(`none of ${this.#askedCount} registrations was taken`);
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
    this.#agent.destroy();
  }

  #serve(): void {
    const dueCount = Math.floor(((performance.now() - this.#startedMs) * this.#perSecond) / 1000);
    while (this.#askedCount < dueCount) {
      this.#askedCount += 1;
      this.#ask().catch((error: unknown) => {
        // What is under way at the end is cut off.
        if (!this.#isStopped) this.#failure ??= error instanceof Error ? error : new Error(String(error));
      });
    }
  }

  async #ask(): Promise<void> {
    const asked = request({
      host: "127.0.0.1",
      port: this.#port,
      path: "/register",
      method: "POST",
      agent: this.#agent,
    });
    asked.end("{}");
    const [answer] = (await once(asked, "response")) as [IncomingMessage];
    answer.resume();
    if (answer.statusCode === TAKEN) this.takenCount += 1;
    else if (answer.statusCode === ABOVE_THE_LIMIT) this.refusedCount += 1;
    else throw new Error(`/register answered ${answer.statusCode}`);
    await once(answer, "end");
  }
}
