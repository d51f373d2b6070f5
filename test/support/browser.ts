import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { WebSocket } from "ws";

/** Debian's. */
export const CHROMIUM = "/usr/bin/chromium";

/** Headless, quiet, and content with the relay's own certificate; with a port of its own for its control. */
export const CHROMIUM_FLAGS: readonly string[] = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--disable-dev-shm-usage",
  // The relay's own certificate is self-signed.
  "--ignore-certificate-errors",
  "--remote-debugging-port=0",
];

type Reply = { readonly result?: Record<string, unknown>; readonly error?: { readonly message: string } };

/** How a page is looked at. */
export type View = {
  readonly width?: number;
  readonly height?: number;
  readonly scheme?: "light" | "dark";
  readonly hasScript?: boolean;
  /** Further words on its command line. */
  readonly flags?: readonly string[];
};

/** One page of a real browser, spoken to by the DevTools protocol: its few commands need no library. */
export class BrowserPage {
  /** What the page wrote to its console, and what the browser refused it. */
  readonly complaints: string[] = [];
  /** Everything it asked for. */
  readonly requested: string[] = [];
  readonly #socket: WebSocket;
  readonly #session: string;
  readonly #replies = new Map<number, (reply: Reply) => void>();
  readonly #events = new Map<string, () => void>();
  #lastId = 0;

  private constructor(socket: WebSocket, session: string) {
    this.#socket = socket;
    this.#session = session;
    socket.on("message", (bytes: Buffer) => this.#take(JSON.parse(bytes.toString()) as Record<string, unknown>));
  }

  /** Starts a browser with one empty page. It ends with the test. */
  static async open({
    width = 1280,
    height = 900,
    scheme = "light",
    hasScript = true,
    flags = [],
  }: View = {}): Promise<BrowserPage> {
    const socket = new WebSocket(await startBrowser(flags));
    await new Promise((resolve) => {
      socket.once("open", resolve);
    });
    const browser = new BrowserPage(socket, "");
    const { targetId } = await browser.#send("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await browser.#send("Target.attachToTarget", { targetId, flatten: true });
    const page = new BrowserPage(socket, String(sessionId));
    await page.#send("Page.enable");
    await page.#send("Runtime.enable");
    await page.#send("Log.enable");
    await page.#send("Network.enable");
    await page.#send("Emulation.setDeviceMetricsOverride", {
      width,
      height,
      deviceScaleFactor: 1,
      mobile: width < 600,
    });
    await page.#send("Emulation.setEmulatedMedia", { features: [{ name: "prefers-color-scheme", value: scheme }] });
    await page.#send("Emulation.setScriptExecutionDisabled", { value: !hasScript });
    return page;
  }

  /** Goes to an address and waits until it has loaded. */
  async goTo(url: string): Promise<void> {
    const loaded = this.#event("Page.loadEventFired");
    await this.#send("Page.navigate", { url });
    await loaded;
  }

  /** Runs an expression in the page, and waits for the page that it leads to. */
  async leaveBy(expression: string): Promise<void> {
    const loaded = this.#event("Page.loadEventFired");
    await this.evaluate(expression);
    await loaded;
  }

  /** The value of an expression in the page: anything that JSON can carry. */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.#send("Runtime.evaluate", {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    if (exceptionDetails !== undefined) throw new Error(`in the page: ${JSON.stringify(exceptionDetails)}`);
    return (result as { readonly value?: unknown }).value;
  }

  /** Freezes the page, as browsers do with tabs that nobody looks at, or lets it run again. */
  async setLifecycle(state: "frozen" | "active"): Promise<void> {
    await this.#send("Page.setWebLifecycleState", { state });
  }

  /** Presses a key, and lets it go. */
  async press(key: "Tab" | "Enter"): Promise<void> {
    const code = { Tab: 9, Enter: 13 }[key];
    const event = { key, code: key, windowsVirtualKeyCode: code, ...(key === "Enter" ? { text: "\r" } : {}) };
    await this.#send("Input.dispatchKeyEvent", { type: "keyDown", ...event });
    await this.#send("Input.dispatchKeyEvent", { type: "keyUp", ...event });
  }

  /** Types into what has the focus. */
  async type(text: string): Promise<void> {
    await this.#send("Input.insertText", { text });
  }

  /** The whole page as PNG. */
  async screenshot(): Promise<Buffer> {
    const { data } = await this.#send("Page.captureScreenshot", { captureBeyondViewport: true });
    return Buffer.from(String(data), "base64");
  }

  #event(name: string): Promise<void> {
    return new Promise((resolve) => {
      this.#events.set(name, resolve);
    });
  }

  #send(method: string, params: object = {}): Promise<Record<string, unknown>> {
    this.#lastId += 1;
    const id = this.#lastId;
    const session = this.#session === "" ? {} : { sessionId: this.#session };
    this.#socket.send(JSON.stringify({ id, method, params, ...session }));
    return new Promise((resolve, reject) => {
      this.#replies.set(id, ({ result, error }) => {
        if (error === undefined) resolve(result ?? {});
        else reject(new Error(`${method}: ${error.message}`));
      });
    });
  }

  #take(message: Record<string, unknown>): void {
    if ((message["sessionId"] ?? "") !== this.#session) return;
    const id = message["id"];
    if (typeof id === "number") {
      this.#replies.get(id)?.(message);
      this.#replies.delete(id);
      return;
    }
    const name = String(message["method"]);
    if (name === "Runtime.consoleAPICalled" || name === "Runtime.exceptionThrown" || name === "Log.entryAdded") {
      this.complaints.push(JSON.stringify(message["params"]));
    }
    if (name === "Network.requestWillBeSent") {
      this.requested.push((message["params"] as { readonly request: { readonly url: string } }).request.url);
    }
    this.#events.get(name)?.();
    this.#events.delete(name);
  }
}

/** @returns where it is spoken to. */
async function startBrowser(flags: readonly string[]): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "postern-browser-"));
  const browser = spawn(CHROMIUM, [...CHROMIUM_FLAGS, ...flags, `--user-data-dir=${folder}`], {
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  onTestFinished(async () => {
    await ended(browser);
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  });
  let printed = "";
  return new Promise((resolve, reject) => {
    browser.stderr.on("data", (chunk: Buffer) => {
      printed += chunk.toString();
      const [, url] = /DevTools listening on (ws:\S+)/.exec(printed) ?? [];
      if (url !== undefined) resolve(url);
    });
    browser.once("exit", () => reject(new Error(`the browser did not start:\n${printed}`)));
  });
}

function ended(browser: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    browser.once("exit", () => resolve());
    // With its children, which would go on writing to its folder.
    if (browser.pid !== undefined) process.kill(-browser.pid, "SIGKILL");
  });
}
