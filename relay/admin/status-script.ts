/**
 * The script of the status page, as browsers get it: fetches the figures every few seconds, puts them where the page has
 * them already, and draws the charts. It writes text and SVG nodes, never HTML.
 */
export const STATUS_SCRIPT: string = String.raw`"use strict";
(() => {
  const REFRESH_MS = 5000;
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
  let history;

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

  function draw(name, chosen) {
    const figure = document.querySelector('[data-chart="' + name + '"]');
    const { series, show } = charts[name];
    const { at } = history;
    figure.hidden = at.length < 2;
    if (figure.hidden) return;
    const svg = figure.querySelector("svg");
    const width = svg.clientWidth, height = svg.clientHeight;
    const top = roundUp(Math.max(...series.flatMap((key) => history[key]).filter((value) => value !== null), 1));
    const x = (time) => LEFT + (width - LEFT - RIGHT) * (time - at[0]) / (at.at(-1) - at[0]);
    const y = (value) => TOP + (height - TOP - BOTTOM) * (1 - value / top);
    const drawn = [0, .5, 1].flatMap((part) => [
      node("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(top * part), y2: y(top * part) }),
      node("text", { x: LEFT - 6, y: y(top * part) + 4, "text-anchor": "end" }, show(top * part)),
    ]);
    const clock = (time) => new Date(time).toISOString().slice(11, 16);
    drawn.push(node("text", { x: LEFT, y: height - 4 }, clock(at[0])));
    drawn.push(node("text", { x: width - RIGHT, y: height - 4, "text-anchor": "end" }, clock(at.at(-1)) + " UTC"));
    if (chosen !== undefined) {
      drawn.push(node("line", { class: "now", x1: x(at[chosen]), x2: x(at[chosen]), y1: TOP, y2: height - BOTTOM }));
      drawn.push(node("text", { x: (LEFT + width) / 2, y: height - 4, "text-anchor": "middle" }, new Date(at[chosen]).toISOString().slice(11, 19)));
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

  function show(view) {
    if (byId("state").dataset.state !== view.state) location.reload();
    for (const element of document.querySelectorAll("[data-figure]")) {
      element.textContent = view.figures[element.dataset.figure] ?? "–";
    }
    for (const id of ["topics", "accounts", "refusals", "reasons"]) if (view[id]) fill(id, view[id]);
    history = view.history;
    drawAll();
  }

  async function refresh() {
    try {
      const answer = await fetch("/status/figures", { cache: "no-store" });
      if (answer.status === 401) location.reload();
      if (!answer.ok) throw new Error();
      show(await answer.json());
      byId("stale").hidden = true;
    } catch {
      byId("stale").hidden = false;
    }
    window.setTimeout(next, REFRESH_MS);
  }

  /** A page that nobody looks at asks for nothing. */
  function next() {
    if (!document.hidden) refresh();
    else document.addEventListener("visibilitychange", next, { once: true });
  }

  if (byId("state") === null) return;
  for (const name of Object.keys(charts)) {
    const svg = document.querySelector('[data-chart="' + name + '"] svg');
    svg.addEventListener("pointermove", (event) => {
      const part = (event.clientX - svg.getBoundingClientRect().left - LEFT) / (svg.clientWidth - LEFT - RIGHT);
      const { at } = history;
      const time = at[0] + part * (at.at(-1) - at[0]);
      const nearest = at.findIndex((one) => one >= time);
      draw(name, nearest === -1 ? at.length - 1 : nearest);
    });
    svg.addEventListener("pointerleave", () => draw(name));
  }
  window.addEventListener("resize", drawAll);
  refresh();
})();
`;
