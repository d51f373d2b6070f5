import type { StatusView } from "./status-view.ts";

/** What the page needs beside the figures. */
export type StatusPageOptions = {
  /** Goes into every form. */
  readonly formToken: string;
  readonly canSignOut: boolean;
  /** What came of a form. */
  readonly notice: string | undefined;
};

const MARK = `<svg class="mark" viewBox="0 0 48 48" fill="none" stroke="currentColor" stroke-width="3" stroke-linejoin="round" aria-hidden="true"><path d="M4 44V14h6v5h6v-5h16v5h6v-5h6v30z"/><path d="M18 44V33a6 6 0 0 1 12 0v11"/></svg>`;

/** The page itself. All numbers are in it; the script only keeps them fresh and draws the charts. */
export function statusPage(view: StatusView, { formToken, canSignOut, notice }: StatusPageOptions): string {
  const { figures, state } = view;
  return page(
    "Status",
    `<header>
  ${MARK}
  <h1>Postern</h1>
  <p class="state" id="state" data-state="${state}">${state}</p>
  <p class="soft grow">${figure(figures, "version")} · up ${figure(figures, "uptime")} · as of ${figure(figures, "updated")} UTC</p>
  ${canSignOut ? `<form method="post" action="/status/sign-out"><input type="hidden" name="form" value="${formToken}"><button class="quiet">Sign out</button></form>` : ""}
</header>
${notice === undefined ? "" : `<p class="notice" role="status">${escaped(notice)}</p>`}
<p class="notice" id="stale" role="status" hidden>The relay does not answer. The figures are old.</p>
<main>
${tiles(figures)}
<div class="charts">
${chart("throughput", "Messages per second", ["delivered", "received"])}
${chart("latency", "Delivery latency", ["99th percentile", "median"])}
${chart("connections", "Connections", ["open"])}
</div>
<noscript><p class="soft">The charts, and fresh numbers without a reload, need JavaScript. The numbers do not.</p></noscript>
<div class="columns">
${table("topics", "Largest topics", ["topic", "members", "messages", "bytes"], view.topics, "No topic has members.")}
${certificate(figures)}
${accounts(view, formToken)}
${table("refusals", "Recent refusals", ["UTC", "reason", "status", "request id"], view.refusals, "Nobody was refused since the start.")}
${table("reasons", "Since the start, by reason", ["what", "reason", "count"], view.reasons, "Nothing was refused, closed or lost.")}
${drainForm(figures, formToken, state)}
</div>
</main>`,
  );
}

/** The page in place of it, for who has not signed in. */
export function signInPage(notice: string | undefined): string {
  return page(
    "Sign in",
    `<main class="sign-in">
${MARK}
<h1>Status of this relay</h1>
<p class="soft">It is for those who run it. Enter the ADMIN_TOKEN of the relay.</p>
${notice === undefined ? "" : `<p class="notice" role="alert">${escaped(notice)}</p>`}
<form method="post" action="/status/sign-in">
<label for="token">Admin token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus maxlength="1024">
<button>Sign in</button>
</form>
</main>`,
  );
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title} · Postern relay</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/status/style.css">
<script src="/status/script.js" defer></script>
</head>
<body>
${body}
</body>
</html>
`;
}

type Figures = StatusView["figures"];

function figure(figures: Figures, name: string): string {
  return `<span data-figure="${name}">${escaped(figures[name] ?? "–")}</span>`;
}

/** What to look at first: a number, what it is, and what belongs to it. */
function tiles(figures: Figures): string {
  const rows: readonly (readonly [string, string, string])[] = [
    ["Connections", "connections", `${figure(figures, "undecided")} not joined yet`],
    ["Topics", "topics", `${figure(figures, "members")} members`],
    ["Received", "received", "messages, last 10 s"],
    ["Delivered", "sent", figure(figures, "sentBytes")],
    ["Latency, 99 %", "latencyP99", `median ${figure(figures, "latencyP50")}`],
    ["Waiting to be sent", "outbox", `${figure(figures, "congested")} slow readers`],
    ["Event loop lag, 99 %", "lag", `${figure(figures, "pauses")} pauses so far`],
    ["Memory", "memory", "resident"],
  ];
  const cells = rows.map(
    ([label, name, note]) =>
      `<div class="tile"><dt>${label}</dt><dd>${figure(figures, name)}</dd><dd class="soft">${note}</dd></div>`,
  );
  return `<dl class="tiles">${cells.join("\n")}</dl>`;
}

/** Filled by the script; without it, it is not shown. */
function chart(name: string, title: string, series: readonly string[]): string {
  const legend = series.map((label, index) => `<li class="series-${index}">${label} <b></b></li>`).join("");
  return `<figure data-chart="${name}" hidden><figcaption>${title}</figcaption><ul class="legend">${legend}</ul><svg role="img" aria-label="${title}, the last 30 minutes"></svg></figure>`;
}

function table(
  id: string,
  title: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
  nothing: string,
): string {
  const cells = rows.map((row) => `<tr>${row.map((cell) => `<td>${escaped(cell)}</td>`).join("")}</tr>`).join("");
  const isEmpty = rows.length === 0;
  return `<section><h2>${title}</h2>
<p class="soft" id="${id}-none"${isEmpty ? "" : " hidden"}>${nothing}</p>
<div class="scroll"><table id="${id}"${isEmpty ? " hidden" : ""}><thead><tr>${head.map((cell) => `<th scope="col">${cell}</th>`).join("")}</tr></thead><tbody>${cells}</tbody></table></div></section>`;
}

/** Where a dialect keeps accounts: the latest, and a way to take one back. */
function accounts({ figures, accounts: rows }: StatusView, formToken: string): string {
  if (rows === undefined) return "";
  return `${table("accounts", `Registrations: ${figure(figures, "accounts")}`, ["account", "kind", "age", "open"], rows, "Nobody is registered.")}
<section><h2>Revoke a registration</h2>
<p class="soft">Closes its connections, and its tokens are good for nothing from then on. The name of an agent is free then; a mesh stays closed.</p>
<details><summary>Revoke one</summary>
<form method="post" action="/status/revoke" class="drain">
<input type="hidden" name="form" value="${formToken}">
<label for="account">Its hash as above, or its name</label>
<input id="account" name="account" required maxlength="512" autocomplete="off">
<label class="check"><input type="checkbox" name="confirm" value="yes" required> <span>Take this registration back for good</span></label>
<button class="danger">Revoke now</button>
</form></details></section>`;
}

function certificate(figures: Figures): string {
  const rows = [
    ["Source", "certificateSource"],
    ["Next attempt", "certificateNext"],
    ["Last error", "certificateError"],
  ].map(([label, name]) => `<dt>${label}</dt><dd>${figure(figures, name ?? "")}</dd>`);
  const hasOne = figures["certificateSource"] !== undefined;
  return `<section><h2>Certificate</h2>
<p class="countdown">${figure(figures, "certificate")}</p>
${hasOne ? `<p class="soft">until it ends</p><dl class="pairs">${rows.join("")}</dl>` : ""}</section>`;
}

function drainForm(figures: Figures, formToken: string, state: StatusView["state"]): string {
  if (state === "draining") {
    return `<section><h2>Drain</h2><p class="soft">The relay drains: it takes nobody in, and ends when all are gone.</p></section>`;
  }
  return `<section><h2>Drain</h2>
<p class="soft">Closes every connection with 1012, so that clients come back elsewhere, and ends the process.</p>
<details><summary>Drain this relay</summary>
<form method="post" action="/status/drain" class="drain">
<input type="hidden" name="form" value="${formToken}">
<label class="check"><input type="checkbox" name="confirm" value="yes" required> <span>Close ${figure(figures, "connections")} connections and end this process</span></label>
<button class="danger">Drain now</button>
</form></details></section>`;
}

/** For text and for attributes in double quotes. */
function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replace(/[&<>"]/g, (character) => entities[character] ?? "");
}
