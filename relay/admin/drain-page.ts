import { createHash } from "node:crypto";
import { type Answer, html } from "../http/answer.ts";
import { duration } from "./figure-format.ts";
import { documentOf, escaped, MARK } from "./markup.ts";
import { STATUS_STYLE } from "./status-style.ts";
import type { StatusView } from "./status-view.ts";

/** Follows the drain to its end, and tells when a relay answers again. Writes text only. */
const SCRIPT = String.raw`"use strict";
(() => {
  const REFRESH_MS = 1000;
  const TITLES = { draining: "This relay drains", stopped: "This relay has stopped", running: "A relay runs here again" };
  const byId = (id) => document.getElementById(id);
  const show = (state, word, sentence) => {
    byId("state").dataset.state = state;
    byId("state").textContent = word;
    byId("now").textContent = sentence;
    byId("title").textContent = TITLES[state];
    byId("told").hidden = state !== "draining";
  };
  let endedAt;

  async function look() {
    try {
      const answer = await fetch("figures", { cache: "no-store", signal: AbortSignal.timeout(5 * REFRESH_MS) });
      if (!answer.ok) throw new Error();
      const { state, figures } = await answer.json();
      if (state === "draining") show("draining", "draining", "Connections that are left: " + figures.connectionCount + ".");
      else return back();
    } catch {
      endedAt ??= new Date().toISOString().slice(11, 19);
      show("stopped", "stopped", "It has answered nothing since " + endedAt + " UTC.");
    }
    window.setTimeout(look, REFRESH_MS);
  }

  function back() {
    show("running", "running", endedAt === undefined ? "It is another one." : "The other one stopped at " + endedAt + " UTC.");
  }

  window.setTimeout(look, REFRESH_MS);
})();
`;

const POLICY = `default-src 'none'; script-src ${sourceOf(SCRIPT)}; style-src ${sourceOf(STATUS_STYLE)}; connect-src 'self'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'`;

/**
 * What is told to who has asked for a drain. It has all that it needs in itself: what it would ask for a moment later, a
 * relay that has ended would not answer.
 */
export function drainAnswer({ figures }: StatusView, { drainTimeoutMs }: { readonly drainTimeoutMs: number }): Answer {
  const connections = figures["connectionCount"] ?? "0";
  const body = `<main class="sign-in">
${MARK}
<h1 id="title">This relay drains</h1>
<p class="state" id="state" data-state="draining" role="status">draining</p>
<p class="notice" id="told">It drains: it takes nobody in any more, tells ${escaped(connections)} connections to come back elsewhere, and ends
within ${escaped(duration(Math.ceil(drainTimeoutMs / 1000)))}, or a little later where a certificate is just being ordered.</p>
<p id="now" role="status"></p>
<p class="soft">A supervisor that restarts what ends will start it again.
<a href="../status">The status page</a> comes where a relay runs.</p>
</main>`;
  return html(
    202,
    documentOf("Draining", `<style>${STATUS_STYLE}</style>\n<script type="module">${SCRIPT}</script>`, body),
    POLICY,
  );
}

/** CSP level 3, section 2.3.1: this text and no other. */
function sourceOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}
