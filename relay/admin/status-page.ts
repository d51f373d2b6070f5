import { documentOf, escaped, MARK } from "./markup.ts";
import type { StatusView } from "./status-view.ts";
import type { Level } from "./thresholds.ts";

/** Where the files of the page are, from the address that it is shown at: `/status`, or that of one of its forms. */
export type Folder = "status/" | "";

/** What the page needs beside the figures. */
export type StatusPageOptions = {
  /** Goes into every form. */
  readonly formToken: string;
  readonly canSignOut: boolean;
  /** What came of a form. */
  readonly notice: string | undefined;
  readonly folder: Folder;
};

/** What a level means beside its colour. */
const LEVEL_WORDS: Readonly<Record<Level, string>> = { good: "", warn: "watch this", bad: "act now" };

/** The page itself. All numbers are in it; the script only keeps them fresh and draws the charts. */
export function statusPage(view: StatusView, { formToken, canSignOut, notice, folder }: StatusPageOptions): string {
  const { figures, levels, state } = view;
  return documentOf(
    "Status",
    linksIn(folder),
    `<header>
  ${MARK}
  <h1>Postern</h1>
  <p class="state" id="state" data-state="${state}" role="status">${state}</p>
  <p class="soft grow">${figure(figures, "version")} · up ${figure(figures, "uptime")} · as of ${figure(figures, "updated")} UTC</p>
  ${canSignOut ? `<form method="post" action="${folder}sign-out"><input type="hidden" name="form" value="${formToken}"><button class="quiet">Sign out</button></form>` : ""}
</header>
${notice === undefined ? "" : `<p class="notice" role="status">${escaped(notice)}</p>`}
<p class="notice bad" id="stale" role="alert" hidden></p>
<main>
${tiles(figures, levels)}
<div class="charts">
${chart("throughput", "Messages per second", ["delivered", "received"])}
${chart("latency", "Delivery latency", ["99th percentile", "median"])}
${chart("connections", "Connections", ["open"])}
</div>
<noscript><p class="soft">The charts, and fresh numbers without a reload, need JavaScript. The numbers do not.</p></noscript>
<div class="columns">
${table("congested", "Congested topics", ["topic", "slow readers", "held", "bytes"], view.congested, "No topic waits for slow readers.", `Slow readers now: ${figure(figures, "congested")}. Pauses of senders so far: ${figure(figures, "pauses")}.`)}
${table("topics", "Largest topics", ["topic", "members", "messages", "bytes"], view.topics, "No topic has members.")}
${certificate(figures, levels)}
${accounts(view, { formToken, folder })}
${table("refusals", "Recent refusals", ["UTC", "reason", "status", "times", "latest request"], view.refusals, "Nobody was refused since the start.")}
${table("reasons", "Since the start, by reason", ["what", "reason", "count"], view.reasons, "Nothing was refused, closed or lost.")}
${drainForm(figures, { formToken, folder, state })}
</div>
</main>`,
  );
}

/** The page in place of it, for who has not signed in. */
export function signInPage(notice: string | undefined, folder: Folder): string {
  return documentOf(
    "Sign in",
    linksIn(folder),
    `<main class="sign-in">
${MARK}
<h1>Status of this relay</h1>
<p class="soft">It is for those who run it. Enter the ADMIN_TOKEN of the relay.</p>
${notice === undefined ? "" : `<p class="notice" role="alert">${escaped(notice)}</p>`}
<form method="post" action="${folder}sign-in">
<label for="token">Admin token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus maxlength="1024">
<button>Sign in</button>
</form>
</main>`,
  );
}

function linksIn(folder: Folder): string {
  return `<link rel="stylesheet" href="${folder}style.css">\n<script src="${folder}script.js" defer></script>`;
}

type Figures = StatusView["figures"];
type Levels = StatusView["levels"];

function figure(figures: Figures, name: string): string {
  return `<span data-figure="${name}">${escaped(figures[name] ?? "–")}</span>`;
}

/** What to look at first: a number, what it is, and what belongs to it. */
function tiles(figures: Figures, levels: Levels): string {
  const rows: readonly (readonly [string, string, string])[] = [
    ["Connections", "connections", `${figure(figures, "undecided")} not joined yet`],
    ["Topics", "topics", `${figure(figures, "members")} members`],
    ["Received", "received", "messages, last 10 s"],
    ["Delivered", "sent", figure(figures, "sentBytes")],
    ["Latency, 99 %", "latencyP99", `median ${figure(figures, "latencyP50")}`],
    ["Held at senders", "held", `of ${figure(figures, "maxHeld")}; ${figure(figures, "outbox")} in outboxes`],
    ["Event loop lag, 99 %", "lag", "last 10 s"],
    ["Memory", "memory", `resident, of ${figure(figures, "maxMemory")}`],
  ];
  const cells = rows.map(
    ([label, name, note]) =>
      `<div class="tile" ${levelOf(levels, name)}><dt>${label}</dt><dd>${figure(figures, name)}</dd><dd class="soft">${note}</dd>${levelWord(levels, name)}</div>`,
  );
  return `<dl class="tiles">${cells.join("\n")}</dl>`;
}

function levelOf(levels: Levels, name: string): string {
  return levels[name] === undefined ? "" : `data-level-of="${name}" data-level="${levels[name]}"`;
}

/** In words what the colour says. */
function levelWord(levels: Levels, name: string): string {
  const level = levels[name];
  return level === undefined ? "" : `<dd class="level" data-words="${name}">${LEVEL_WORDS[level]}</dd>`;
}

/** Filled by the script; without it, it is not shown. */
function chart(name: string, title: string, series: readonly string[]): string {
  const legend = series.map((label, index) => `<li class="series-${index}">${label} <b></b></li>`).join("");
  return `<figure data-chart="${name}" hidden><figcaption>${title} <span class="at soft"></span></figcaption><ul class="legend">${legend}</ul><svg role="img" aria-label="${title}, the last 30 minutes"></svg></figure>`;
}

function table(
  id: string,
  title: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
  nothing: string,
  note = "",
): string {
  const cells = rows.map((row) => `<tr>${row.map((cell) => `<td>${escaped(cell)}</td>`).join("")}</tr>`).join("");
  const isEmpty = rows.length === 0;
  return `<section><h2>${title}</h2>
<p class="soft" id="${id}-none"${isEmpty ? "" : " hidden"}>${nothing}</p>
<div class="scroll" role="group" aria-label="${title}" tabindex="0"><table id="${id}"${isEmpty ? " hidden" : ""}><thead><tr>${head.map((cell) => `<th scope="col">${cell}</th>`).join("")}</tr></thead><tbody>${cells}</tbody></table></div>${note === "" ? "" : `<p class="soft">${note}</p>`}</section>`;
}

/** Where a dialect keeps accounts: the latest, and a way to take one back. */
function accounts(
  { figures, accounts: rows }: StatusView,
  { formToken, folder }: Pick<StatusPageOptions, "formToken" | "folder">,
): string {
  if (rows === undefined) return "";
  return `${table("accounts", `Registrations: ${figure(figures, "accounts")}`, ["account", "kind", "age", "open"], rows, "Nobody is registered.")}
<section><h2>Revoke a registration</h2>
<p class="soft">Closes its connections, and its tokens are good for nothing from then on. The name of an agent is free then; a mesh stays closed.</p>
<details><summary>Revoke one</summary>
<form method="post" action="${folder}revoke" class="drain">
<input type="hidden" name="form" value="${formToken}">
<label for="account">Its hash as above, or its name</label>
<input id="account" name="account" required maxlength="512" autocomplete="off">
<label class="check"><input type="checkbox" name="confirm" value="yes" required> <span>Take this registration back for good</span></label>
<button class="danger">Revoke now</button>
</form></details></section>`;
}

function certificate(figures: Figures, levels: Levels): string {
  const rows = [
    ["Source", "certificateSource"],
    ["Next attempt", "certificateNext"],
    ["Last error", "certificateError"],
  ].map(([label, name]) => `<dt>${label}</dt><dd>${figure(figures, name ?? "")}</dd>`);
  const hasOne = figures["certificateSource"] !== undefined;
  return `<section ${levelOf(levels, "certificate")}><h2>Certificate</h2>
<p class="countdown">${figure(figures, "certificate")}</p>
<p class="level" data-words="certificate">${LEVEL_WORDS[levels["certificate"] ?? "good"]}</p>
${hasOne ? `<p class="soft">until it ends</p><dl class="pairs">${rows.join("")}</dl>` : ""}</section>`;
}

/** How the forms of the page are made. */
type FormOptions = Pick<StatusPageOptions, "formToken" | "folder"> & Pick<StatusView, "state">;

/** Both are there, so that the script can tell of a drain that comes from elsewhere without asking for the page again. */
function drainForm(figures: Figures, { formToken, folder, state }: FormOptions): string {
  const isDraining = state === "draining";
  return `<section><h2>Drain</h2>
<p class="soft" id="draining"${isDraining ? "" : " hidden"}>The relay drains: it takes nobody in, and ends when all are gone.</p>
<div id="drain"${isDraining ? " hidden" : ""}>
<p class="soft">Closes every connection with 1012, so that clients come back elsewhere, and ends the process.</p>
<details><summary>Drain this relay</summary>
<form method="post" action="${folder}drain" class="drain">
<input type="hidden" name="form" value="${formToken}">
<label class="check"><input type="checkbox" name="confirm" value="yes" required> <span>Close ${figure(figures, "connectionCount")} connections and end this process</span></label>
<button class="danger">Drain now</button>
</form></details></div></section>`;
}
