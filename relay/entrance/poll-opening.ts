import type { IncomingMessage } from "node:http";
import { PollHeader } from "../../protocol/polling.ts";
import type { AccessLog } from "../observability/access-log.ts";
import { PollLink, type PollLinkOptions, type PollLinkParts } from "../polling/poll-link.ts";
import type { Opened, Openings } from "../polling/ports.ts";
import type { Access, Applicant } from "../session/ports.ts";
import { type Admission, type Decision, offeredSubprotocols } from "./admission.ts";
import { candidatesOf, choiceOf, heldBackMs, maxMessageBytesOf, openingOf } from "./opening.ts";
import type { Reception } from "./reception.ts";
import { RequestIds } from "./request-id.ts";
import { type Refused, refusal, refusalAnswer, wordOf } from "./upgrade-refusals.ts";

/** What it uses. */
export type PollOpeningParts = {
  readonly admission: Admission;
  /** Takes up those who were let in. */
  readonly reception: Reception;
  readonly accessLog: AccessLog;
  readonly links: PollLinkParts;
};

type Attempt = { readonly request: IncomingMessage; readonly requestId: string; readonly applicant: Applicant };

/** Turns the first request of a long poll into a connection, by the same checks as an upgrade, or says why not. */
export class PollOpening implements Openings {
  readonly #parts: PollOpeningParts;
  readonly #options: PollLinkOptions;
  readonly #requestIds = new RequestIds();

  constructor(parts: PollOpeningParts, options: PollLinkOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  open(request: IncomingMessage, onEnd: () => void): Opened | Promise<Opened> {
    const { admission } = this.#parts;
    // From here on nobody needs to know which kind of opening it is.
    request.headers["sec-websocket-protocol"] = headerOf(request, PollHeader.subprotocol);
    const applicant = admission.applicant(request);
    if (applicant === undefined) return { outcome: "gone" };
    const attempt = { request, requestId: this.#requestIds.next(), applicant };
    const refused = admission.check(request, applicant, "poll");
    if (refused !== undefined) return this.#refuse(attempt, refusal(refused));
    const decision = admission.decide(request);
    if (!(decision instanceof Promise)) return this.#decided(attempt, decision, onEnd);
    return decision.then((late) => this.#decided(attempt, late, onEnd));
  }

  #decided(attempt: Attempt, decision: Decision, onEnd: () => void): Opened {
    if ("access" in decision) return this.#take(attempt, decision.access, onEnd);
    this.#parts.admission.left(attempt.applicant);
    return this.#refuse(attempt, decision);
  }

  #take({ request, requestId, applicant }: Attempt, access: Access, onEnd: () => void): Opened {
    const { admission, links, reception } = this.#parts;
    const { asked, dialects } = admission.claiming(request);
    const candidates = candidatesOf(dialects);
    // It was claimed when it was checked, and dialects do not change.
    if (candidates === undefined) return { outcome: "gone" };
    const maxFrameBytes = maxMessageBytesOf(candidates, this.#options.maxFrameBytes);
    const link = new PollLink(links, { ...this.#options, maxFrameBytes }, onEnd);
    const subprotocol = choiceOf(dialects, new Set(offeredSubprotocols(request)))?.subprotocol ?? "";
    const opening = openingOf(request, asked, subprotocol);
    reception.open({ link, access, applicant, requestId, opening, candidates }, Buffer.alloc(0));
    return { outcome: "opened", link, requestId };
  }

  #refuse({ request, requestId, applicant }: Attempt, refused: Refused): Opened {
    this.#parts.admission.refused(refused.refused);
    const { clientAddress } = applicant;
    this.#parts.accessLog.refused({ requestId, clientAddress }, wordOf(refused), refused.status);
    const delayMs = heldBackMs(applicant, refused);
    return { outcome: "refused", answer: refusalAnswer(request, { refused, requestId }), delayMs };
  }
}

function headerOf({ headers }: IncomingMessage, name: string): string {
  const value = headers[name];
  return typeof value === "string" ? value : "";
}
