/**
 * The script of the status page, as browsers get it: fetches the figures every few seconds, puts them where the page has
 * them already, and draws the charts. It writes text and SVG nodes, never HTML.
 */
export const STATUS_SCRIPT: string = String.raw`"use strict";
(() => {
  const REFRESH_MS = 5000;
  const HISTORY_MS = 30 * 60_000;
  const MINUTE_MS = 60_000;
  /** Room that the time of a tick needs. */
  const TICK_WIDTH = 52;
  const LEVEL_WORDS = { good: "", warn: "watch this", bad: "act now" };
  /** Beside this file, whatever path it is served below. */
  const FILES = document.currentScript.src;
  const SVG = "http://www.w3.org/2000/svg";
  const LEFT = 44, RIGHT = 6, TOP = 8, BOTTOM = 20;
  const byId = (id) => document.getElementById(id);
  const inNumbers = (value) => value >= 10000 ? Math.round(value / 1000) + "k" : value >= 10 ? String(Math.round(value)) : String(Math.round(value * 10) / 10);
  const inMs = (value) => (value >= 10 ? Math.round(value) : Math.round(value * 10) / 10) + " ms";
  const charts = {
    throughput: { series: ["sent", "received"], show: inNumbers },
    latency: { series: ["p99", "p50"], show: inMs },
    connections: { series: ["connections"], show: inNumbers },
  };
  let history, silentSince, state;

  function node(name, attributes, text) {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  }

  /** The next of 1, 2, 5, 10, 20, ... */
  function roundUp(value) {
    const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
    return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value) ?? value;
  }

  const clock = (time, length) => new Date(time).toISOString().slice(11, length);

  /** Lines at round times, as many as there is room for; the last one says of which zone they are. */
  function timeAxis(from, to, x, { width, height }) {
    const most = (width - LEFT - RIGHT) / TICK_WIDTH;
    const step = [5, 10, 15, 30].find((minutes) => HISTORY_MS / (minutes * MINUTE_MS) <= most) * MINUTE_MS;
    const drawn = [];
    for (let time = Math.ceil(from / step) * step; time <= to; time += step) {
      drawn.push(node("line", { class: "grid", x1: x(time), x2: x(time), y1: TOP, y2: height - BOTTOM }));
      const isAtEdge = x(time) > width - RIGHT - 18;
      drawn.push(node("text", { x: isAtEdge ? width - RIGHT : x(time), y: height - 4, "text-anchor": isAtEdge ? "end" : "middle" }, clock(time, 16)));
    }
    drawn.push(node("text", { x: 0, y: height - 4 }, "UTC"));
    return drawn;
  }

  function draw(name, chosen) {
    const figure = document.querySelector('[data-chart="' + name + '"]');
    const { series, show } = charts[name];
    const { at } = history;
    figure.hidden = at.length < 2;
    if (figure.hidden) return;
    const svg = figure.querySelector("svg");
    const width = svg.clientWidth, height = svg.clientHeight;
    const top = roundUp(Math.max(...series.flatMap((key) => history[key]).filter((value) => value !== null), 1));
    // The axis is that of half an hour from the start on: what is not there yet is seen to be missing.
    const to = at.at(-1), from = to - HISTORY_MS;
    const x = (time) => LEFT + (width - LEFT - RIGHT) * (time - from) / HISTORY_MS;
    const y = (value) => TOP + (height - TOP - BOTTOM) * (1 - value / top);
    const drawn = [0, .5, 1].flatMap((part) => [
      node("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(top * part), y2: y(top * part) }),
      node("text", { x: LEFT - 6, y: y(top * part) + 4, "text-anchor": "end" }, show(top * part)),
    ]);
    drawn.push(...timeAxis(from, to, x, { width, height }));
    figure.querySelector(".at").textContent = chosen === undefined ? "" : "at " + clock(at[chosen], 19) + " UTC";
    if (chosen !== undefined) {
      drawn.push(node("line", { class: "now", x1: x(at[chosen]), x2: x(at[chosen]), y1: TOP, y2: height - BOTTOM }));
    }
    series.forEach((key, index) => {
      let path = "", isGap = true;
      history[key].forEach((value, point) => {
        if (value !== null) path += (isGap ? "M" : "L") + x(at[point]).toFixed(1) + " " + y(value).toFixed(1);
        isGap = value === null;
      });
      drawn.push(node("path", { class: "line series-" + index, d: path }));
      const value = history[key][chosen ?? at.length - 1];
      figure.querySelectorAll(".legend b")[index].textContent = value === null ? "–" : show(value);
    });
    svg.replaceChildren(...drawn);
  }

  function drawAll() {
    if (history !== undefined) for (const name of Object.keys(charts)) draw(name);
  }

  function fill(id, rows) {
    byId(id).hidden = rows.length === 0;
    byId(id + "-none").hidden = rows.length > 0;
    byId(id).tBodies[0].replaceChildren(...rows.map((cells) => {
      const row = document.createElement("tr");
      for (const cell of cells) row.insertCell().textContent = cell;
      return row;
    }));
  }

  function showState(next) {
    const badge = byId("state");
    if (badge.dataset.state === next) return;
    badge.dataset.state = next;
    badge.textContent = next === "silent" ? "does not answer" : next;
    byId("draining").hidden = next !== "draining";
    byId("drain").hidden = next !== "running";
    document.body.classList.toggle("old", next === "silent" || next === "stopped");
  }

  function show(view) {
    state = view.state;
    silentSince = undefined;
    showState(state);
    byId("stale").hidden = true;
    for (const element of document.querySelectorAll("[data-figure]")) {
      element.textContent = view.figures[element.dataset.figure] ?? "–";
    }
    for (const element of document.querySelectorAll("[data-level-of]")) element.dataset.level = view.levels[element.dataset.levelOf];
    for (const element of document.querySelectorAll("[data-words]")) element.textContent = LEVEL_WORDS[view.levels[element.dataset.words]];
    for (const id of ["congested", "topics", "accounts", "refusals", "reasons"]) if (view[id]) fill(id, view[id]);
    history = view.history;
    drawAll();
  }

  /** A relay that ended as it was told is no fault. */
  function showSilence() {
    silentSince ??= new Date();
    const isStopped = state === "draining" || state === "stopped";
    state = isStopped ? "stopped" : "silent";
    showState(state);
    byId("stale").textContent = isStopped
      ? "The relay has stopped. What you see is from before."
      : "The relay has not answered since " + clock(silentSince, 19) + " UTC. What you see is from before: it is not known whether it runs.";
    byId("stale").hidden = false;
  }

  async function refresh() {
    try {
      const answer = await fetch(new URL("figures", FILES), { cache: "no-store", signal: AbortSignal.timeout(2 * REFRESH_MS) });
      if (answer.status === 401) return location.assign(new URL("../status", FILES));
      if (!answer.ok) throw new Error();
      show(await answer.json());
    } catch {
      showSilence();
    }
    window.setTimeout(next, REFRESH_MS);
  }

  /** A page that nobody looks at asks for nothing. */
  function next() {
    if (!document.hidden) refresh();
    else document.addEventListener("visibilitychange", next, { once: true });
  }

  if (byId("state") === null) return;
  state = byId("state").dataset.state;
  for (const name of Object.keys(charts)) {
    const svg = document.querySelector('[data-chart="' + name + '"] svg');
    svg.addEventListener("pointermove", (event) => {
      const part = (event.clientX - svg.getBoundingClientRect().left - LEFT) / (svg.clientWidth - LEFT - RIGHT);
      const { at } = history;
      const time = at.at(-1) + (part - 1) * HISTORY_MS;
      const nearest = at.findIndex((one) => one >= time);
      draw(name, nearest === -1 ? at.length - 1 : nearest);
    });
    svg.addEventListener("pointerleave", () => draw(name));
  }
  window.addEventListener("resize", drawAll);
  refresh();
})();
`;
