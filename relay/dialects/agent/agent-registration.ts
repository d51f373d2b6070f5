import { parseJsonObject } from "../../json.ts";
import { addressBytes } from "../../limits/address.ts";
import { NetworkRates } from "../../limits/network-rates.ts";
import type { Route } from "../../session/ports.ts";
import type { AgentRegistry, RegistrationRefusal } from "./agent-registry.ts";

const HOUR_SECONDS = 3600;
/** A name and what is around it: more is nobody's registration. */
const MAX_BODY_BYTES = 4096;

type Answer = Awaited<ReturnType<Route["answer"]>>;
type Refusal = RegistrationRefusal | "invalid_json" | "rate_limited";

const STATUS: Readonly<Record<Refusal, number>> = {
  invalid_json: 400,
  invalid_agent_id: 400,
  agent_id_reserved: 400,
  // As the original's server has it; its client looks at no more than whether it is 2xx.
  agent_id_taken: 400,
  rate_limited: 429,
  registry_full: 503,
  registry_unavailable: 503,
};

/** RFC 6454: pages of every site may use it, as with the original; where ALLOWED_ORIGINS is set, those alone. */
const CORS = {
  "access-control-allow-origin": "*",
  "access-control-allow-methods": "GET, POST, OPTIONS",
  "access-control-allow-headers": "Content-Type",
};

/** What it uses. `time`: monotonic. */
export type RegistrationParts = {
  readonly registry: AgentRegistry;
  readonly time: { readonly nowMs: number };
  /** Counts one that was refused. */
  readonly onRefused: () => void;
};

/** `POST /register`. */
export class AgentRegistrations {
  readonly #parts: RegistrationParts;
  readonly #perHour: number;
  readonly #rates: NetworkRates | undefined;

  /** @param perHour registrations of one network; 0: no limit. */
  constructor(parts: RegistrationParts, perHour: number) {
    this.#parts = parts;
    this.#perHour = perHour;
    this.#rates = perHour === 0 ? undefined : new NetworkRates({ perSecond: perHour / HOUR_SECONDS, burst: perHour });
  }

  /** @param permittedBy what a grant has to permit, where grants are asked for. */
  routes(permittedBy: string): readonly Route[] {
    const path = "/register";
    return [
      {
        method: "POST",
        path,
        permittedBy,
        maxBodyBytes: MAX_BODY_BYTES,
        answer: ({ body, clientAddress }) => this.#answer(body, clientAddress),
      },
      { method: "OPTIONS", path, maxBodyBytes: 0, answer: () => noContent() },
    ];
  }

  async #answer(body: Uint8Array, clientAddress: string): Promise<Answer> {
    const asked = agentIdIn(body);
    if (asked === "invalid_json") return this.#refuse(asked, "Malformed JSON");
    if (asked === "invalid_agent_id") return this.#refuse(asked, sentenceFor(asked, ""));
    if (this.#rates?.tryTake(addressBytes(clientAddress), this.#parts.time.nowMs) === false) {
      const retryAfterSeconds = Math.ceil(HOUR_SECONDS / this.#perHour);
      const headers = { "retry-after": String(retryAfterSeconds) };
      return this.#refuse("rate_limited", `Too many registrations; try again in ${retryAfterSeconds} s`, headers);
    }
    const registration = await this.#parts.registry.register(asked.agentId);
    if ("refusal" in registration)
      return this.#refuse(registration.refusal, sentenceFor(registration.refusal, asked.agentId ?? ""));
    return jsonPage(200, { agent_id: registration.agentId, token: registration.token });
  }

  #refuse(error: Refusal, message: string, headers: Readonly<Record<string, string>> = {}): Answer {
    this.#parts.onRefused();
    const answer = jsonPage(STATUS[error], { error, message });
    return { ...answer, headers: { ...answer.headers, ...headers } };
  }
}

/** A page of JSON that pages of every site may read. */
export function jsonPage(status: number, value: object, indent = 0): Answer {
  return { status, contentType: "application/json", body: JSON.stringify(value, null, indent), headers: CORS };
}

function noContent(): Answer {
  return { status: 204, contentType: "text/plain; charset=utf-8", body: "", headers: CORS };
}

/** An empty body, or no id, or an empty one: the relay is to choose. */
function agentIdIn(body: Uint8Array): { readonly agentId: string | undefined } | "invalid_json" | "invalid_agent_id" {
  const text = Buffer.from(body).toString().trim();
  if (text === "") return { agentId: undefined };
  const value = parseJsonObject(text);
  if (value === undefined) return "invalid_json";
  const { agent_id: agentId } = value;
  if (agentId === undefined || agentId === null || agentId === "") return { agentId: undefined };
  return typeof agentId === "string" ? { agentId } : "invalid_agent_id";
}

function sentenceFor(refusal: RegistrationRefusal, agentId: string): string {
  switch (refusal) {
    case "invalid_agent_id":
      return "Agent ID must be 3-64 chars, lowercase alphanumeric + hyphens, no leading/trailing hyphens";
    case "agent_id_reserved":
      return `Agent ID '${agentId}' is reserved`;
    case "agent_id_taken":
      return `Agent ID '${agentId}' is already registered`;
    case "registry_full":
      return "As many agents are registered as may be";
    case "registry_unavailable":
      return "The registration cannot be kept now; try again later";
  }
}
