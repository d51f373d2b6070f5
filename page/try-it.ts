import { connect, newSecret, PosternError, type Relay, type RelayState, topicIdOf } from "../client/index.ts";
import { certificateWords } from "./certificate.ts";
import { element, onSubmit, setShown, show } from "./elements.ts";
import { secretIn } from "./invitation.ts";
import { Log } from "./log.ts";
import { Problem } from "./problem.ts";
import { Room } from "./room.ts";
import { nameOfThisTab, rememberName } from "./tab-name.ts";
import { wordsFor } from "./words.ts";

/** How long the first attempt to join may take. */
const JOIN_TIMEOUT_MS = 15_000;

const STATES: Readonly<Record<RelayState | "idle", string>> = {
  idle: "not connected",
  connecting: "connecting",
  connected: "connected",
  reconnecting: "reconnecting",
  closed: "not connected",
};

/** The page: from its start to a topic, and back where that fails or is left. */
export class TryIt {
  /** The relay that this page came from, below whatever path. */
  readonly #address = relayAddress();
  readonly #log = new Log();
  readonly #room = new Room(this.#log, nameOfThisTab(), {
    leave: () => void this.#leave(),
    rename: rememberName,
  });
  readonly #problem = new Problem({
    again: () => void this.#enter(undefined),
    back: () => void this.#leave(),
    withToken: (token) => void this.#enter(token),
  });
  /** That of the topic that is shown, or being joined. */
  #relay: Relay | undefined;

  start(): void {
    setShown("loading", { isShown: false });
    show("address", this.#address);
    onSubmit("make", () => this.#begin(newSecret()));
    onSubmit("enter", () => this.#accept(element("invitation", HTMLInputElement).value));
    // Another link was put into the address of this tab.
    addEventListener("hashchange", () => location.reload());
    void showCertificate();
    if (!isSecureContext) {
      element("make-button", HTMLButtonElement).disabled = true;
      setShown("start", { isShown: true });
      this.#problem.show(new PosternError("no-cryptography"), undefined);
    } else if (location.hash.length > 1) void this.#enter(undefined);
    else setShown("start", { isShown: true });
  }

  #accept(invitation: string): void {
    const secret = secretIn(invitation);
    const fault = "This holds no secret: paste the whole link, with what is behind #.";
    show("invitation-fault", secret === undefined ? fault : "");
    if (secret !== undefined) this.#begin(secret);
  }

  /** From now on this tab is in the topic of this secret, which stands behind # and goes to no server. */
  #begin(secret: string): void {
    history.replaceState(history.state, "", `#${secret}`);
    void this.#enter(undefined);
  }

  async #enter(token: string | undefined): Promise<void> {
    this.#problem.hide();
    setShown("start", { isShown: false });
    await this.#relay?.close();
    const secret = location.hash.slice(1);
    element("link", HTMLInputElement).value = location.href;
    element("second", HTMLAnchorElement).href = location.href;
    const relay = connect(this.#address, { token });
    this.#relay = relay;
    this.#follow(relay);
    try {
      const topic = await relay.join({ secret }, { presence: this.#room.name, timeoutMs: JOIN_TIMEOUT_MS });
      if (this.#relay !== relay) return;
      topic.on("error", (error) => void this.#fail(error, relay));
      this.#log.clear();
      setShown("room", { isShown: true });
      this.#room.enter(topic);
    } catch (error) {
      await this.#fail(error, relay);
    }
  }

  /** Shows how the connection is doing, as long as it is the one. */
  #follow(relay: Relay): void {
    let hasBeenUp = false;
    showState(relay.state);
    relay.on("state", (state) => {
      if (this.#relay !== relay) return;
      showState(state);
      if (state === "reconnecting") {
        this.#log.warning("The connection is lost. The page tries again; what you write meanwhile is sent then.");
      }
      if (state === "connected" && hasBeenUp) this.#log.event("Connected again.");
      hasBeenUp ||= state === "connected";
    });
    relay.on("error", (error) => {
      const { state } = relay;
      if (this.#relay !== relay || state === "closed") return;
      show("connection", `${STATES[state]}; the latest attempt: ${wordsFor(error).title}`);
    });
  }

  /** The topic is over, or never began. */
  async #fail(error: unknown, relay: Relay): Promise<void> {
    if (this.#relay !== relay) return;
    this.#relay = undefined;
    const failure = error instanceof PosternError ? error : new PosternError("protocol-error", { cause: error });
    this.#room.exit();
    setShown("room", { isShown: false });
    setShown("start", { isShown: failure.code === "secret-invalid" });
    showState("closed");
    this.#problem.show(failure, await topicIdIfAny(location.hash.slice(1)));
    await relay.close();
  }

  async #leave(): Promise<void> {
    const relay = this.#relay;
    this.#relay = undefined;
    history.replaceState(history.state, "", location.pathname + location.search);
    this.#problem.hide();
    this.#room.exit();
    setShown("room", { isShown: false });
    setShown("start", { isShown: true });
    showState("idle");
    element("make-button", HTMLElement).focus();
    await relay?.close();
  }
}

/** Undefined: it is no secret. */
async function topicIdIfAny(secret: string): Promise<string | undefined> {
  try {
    return await topicIdOf(secret);
  } catch {
    return undefined;
  }
}

function relayAddress(): string {
  const address = new URL(".", location.href);
  address.protocol = address.protocol.replace("http", "ws");
  return address.href;
}

function showState(state: RelayState | "idle"): void {
  element("state", HTMLElement).dataset["state"] = state;
  show("state", STATES[state]);
  show("connection", STATES[state]);
}

async function showCertificate(): Promise<void> {
  try {
    // A relay that is not ready says why, with 503.
    const ready: unknown = await (await fetch("ready", { cache: "no-store" })).json();
    show("certificate", certificateWords(ready, { protocol: location.protocol, isSecureContext }));
  } catch {
    show("certificate", "unknown: the relay does not answer");
  }
}
