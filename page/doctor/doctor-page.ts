import { toTerminalText } from "../../client/cli/terminal-text.ts";
import { epochMs } from "../../client/clock.ts";
import type { Finding } from "../../client/doctor/common/finding.ts";
import { ticketOf } from "../../client/doctor/common/ticket.ts";
import { type Verdict, verdictOf } from "../../client/doctor/common/verdict.ts";
import { words } from "../../client/doctor/common/words.ts";
import { element, make, onPress, onSubmit, setShown, show } from "../elements.ts";
import { examine } from "./examination.ts";

const QUIET_SECONDS = 90;

/** The page: looks when it is opened, and again when it is asked to. */
export class DoctorPage {
  /** The relay that this page came from, below whatever path. */
  readonly #address = relayAddress();
  #token: string | undefined;

  start(): void {
    setShown("loading", { isShown: false });
    setShown("doctor", { isShown: true });
    show("address", this.#address);
    show("program-address", this.#address);
    onSubmit("look", () => void this.#look());
    onSubmit("token-form", () => {
      const field = element("token", HTMLInputElement);
      this.#token = field.value;
      field.value = "";
      void this.#look();
    });
    onPress("copy", () => void copyTicket());
    void this.#look();
  }

  async #look(): Promise<void> {
    const button = element("again", HTMLButtonElement);
    button.disabled = true;
    for (const id of ["verdict", "hand-on", "token-form"]) setShown(id, { isShown: false });
    showState("looking");
    const lines = new Checklist();
    const quietSeconds = element("quiet", HTMLInputElement).checked ? QUIET_SECONDS : 0;
    const findings = await examine({
      address: this.#address,
      token: this.#token,
      quietSeconds,
      onFinding: (finding) => lines.show(finding),
    });
    this.#conclude(findings);
    button.disabled = false;
  }

  #conclude(findings: readonly Finding[]): void {
    const verdict = verdictOf(findings);
    showState(verdict.works ? "works" : "fails");
    showVerdict(verdict);
    const isRefused = !verdict.works && verdict.cause === "unauthorized";
    setShown("token-form", { isShown: isRefused });
    const ticket = ticketOf({
      address: this.#address,
      findings,
      verdict,
      proxyUrl: undefined,
      seenBy: words.seenByPage(`${location.origin}${location.pathname}`),
      at: new Date(epochMs()),
    });
    element("ticket", HTMLTextAreaElement).value = ticket.map(toTerminalText).join("\n");
    show("copied", "");
    setShown("hand-on", { isShown: true });
  }
}

/** One line for each check, in the order in which they are looked at. */
class Checklist {
  readonly #lines = new Map<string, HTMLElement>();

  constructor() {
    for (const check of Object.keys(words.checks)) this.#lines.set(check, make("li", ""));
    element("checks", HTMLElement).replaceChildren(...this.#lines.values());
    for (const check of this.#lines.keys()) this.#fill(check, "waiting", "");
  }

  show({ check, state, text }: Finding): void {
    this.#fill(check, state, text);
  }

  /** What others have said is in the text: as in a terminal, what would turn or hide the line is taken out. */
  #fill(check: string, state: keyof typeof words.outcomes, text: string): void {
    const line = this.#lines.get(check);
    if (line === undefined) return;
    line.dataset["state"] = state;
    const names: Readonly<Record<string, string>> = words.checks;
    line.replaceChildren(
      make("span", words.outcomes[state], "outcome"),
      make("span", names[check] ?? check),
      make("span", toTerminalText(text), "found"),
    );
  }
}

function showVerdict(verdict: Verdict): void {
  const cause = verdict.works ? verdict.hindrance : verdict.cause;
  element("verdict", HTMLElement).className = `notice ${verdictClass(verdict)}`;
  show("verdict-sentence", `${verdict.sentence}.`);
  showIfAny("verdict-remedy", verdict.works ? undefined : words.remedy(verdict.remedy));
  showIfAny("verdict-who", verdict.works ? undefined : words.who(verdict.who));
  const toSettle = verdict.works ? undefined : verdict.toSettle;
  showIfAny("verdict-settle", toSettle === undefined ? undefined : words.toSettle(toSettle));
  showIfAny("verdict-cause", cause === undefined ? undefined : words.causeIs(cause));
  setShown("verdict", { isShown: true });
}

function verdictClass(verdict: Verdict): string {
  if (!verdict.works) return "bad";
  return verdict.hindrance === undefined ? "good" : "";
}

function showIfAny(id: string, text: string | undefined): void {
  show(id, text ?? "");
  setShown(id, { isShown: text !== undefined });
}

function showState(state: keyof typeof words.state): void {
  const colours = { looking: "looking", works: "connected", fails: "closed" };
  element("state", HTMLElement).dataset["state"] = colours[state];
  show("state", words.state[state]);
  setShown("state", { isShown: true });
}

async function copyTicket(): Promise<void> {
  const field = element("ticket", HTMLTextAreaElement);
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    show("copied", words.copied);
  } catch {
    show("copied", words.copyByKeys);
  }
}

function relayAddress(): string {
  const address = new URL(".", location.href);
  address.protocol = address.protocol.replace("http", "ws");
  return address.href;
}
