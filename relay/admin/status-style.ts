/** What the status page looks like. Colours by role; the dark ones are the same roles again. */
export const STATUS_STYLE = `
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5b6676; --paper: #f6f4ef; --card: #fffefb; --line: #dcd8ce;
  --mark: #8a5a2b; --good: #2d6a44; --good-paper: #e2f0e6; --warn: #8a4b08; --warn-paper: #fbeed8; --bad: #a3262a; --bad-paper: #fbe9e7;
  --series-0: #1f6fb2; --series-1: #b3541e; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e9e7e2; --soft: #a3abb7; --paper: #12151a; --card: #1a1e25; --line: #323945; --mark: #d9a566;
    --good: #8fd3a6; --good-paper: #1b3325; --warn: #f0bd7b; --warn-paper: #3a2a14; --bad: #ff9d98; --bad-paper: #3a1b1b;
    --series-0: #6cb2ee; --series-1: #f0a06a; }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { margin: 0 auto; max-width: 76rem; padding: 1.25rem clamp(.9rem, 3vw, 2rem) 3rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
  font-variant-numeric: tabular-nums; }
header { display: flex; flex-wrap: wrap; align-items: center; gap: .4rem .8rem; margin-bottom: 1rem; }
.mark { width: 2rem; height: 2rem; color: var(--mark); flex: none; }
h1 { font-size: 1.35rem; letter-spacing: -.01em; margin: 0; }
h2, figcaption { font-size: .95rem; font-weight: 650; margin: 0 0 .5rem; }
p { margin: .25rem 0; }
.soft { color: var(--soft); font-size: .875rem; }
.grow { flex: 1 1 16rem; }
a { color: var(--series-0); }
.state { margin: 0; width: fit-content; padding: .1rem .65rem; border-radius: 1rem; font-size: .8125rem; font-weight: 600;
  background: var(--good-paper); color: var(--good); }
.state[data-state=draining] { background: var(--warn-paper); color: var(--warn); }
.state:is([data-state=silent], [data-state=stopped]) { background: var(--bad-paper); color: var(--bad); }
.notice.bad { background: var(--bad-paper); color: var(--bad); }
.old :is(.tile, figure, section) { background: none; border-style: dashed; }
[data-level=warn] { border-color: var(--warn) !important; box-shadow: inset .25rem 0 0 var(--warn); }
[data-level=bad] { border-color: var(--bad) !important; box-shadow: inset .25rem 0 0 var(--bad); }
.level { font-size: .8125rem; font-weight: 650; }
.level:empty { display: none; }
[data-level=warn] .level { color: var(--warn); }
[data-level=bad] .level { color: var(--bad); }
.notice { margin: 0 0 1rem; padding: .6rem .9rem; border-radius: .5rem; background: var(--warn-paper); color: var(--warn); }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: .75rem; margin: 0; }
.tile, figure, section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
.tile { padding: .7rem .9rem; min-width: 0; }
.tile dt { color: var(--soft); font-size: .8125rem; }
.tile dd { margin: 0; }
.tile dd:first-of-type { font-size: 1.5rem; line-height: 1.3; font-weight: 620; letter-spacing: -.01em; overflow-wrap: anywhere; }
.tile .soft { font-size: .8125rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); gap: .75rem; margin: .75rem 0; }
figure { margin: 0; padding: .8rem .9rem .6rem; min-width: 0; }
.legend { display: flex; flex-wrap: wrap; gap: .1rem 1rem; margin: 0 0 .3rem; padding: 0; list-style: none;
  font-size: .8125rem; color: var(--soft); }
.legend li::before { content: ""; display: inline-block; width: .9rem; height: .2rem; margin: 0 .4rem .2rem 0;
  border-radius: .1rem; background: var(--series); }
.legend b { color: var(--ink); font-weight: 600; }
.series-0 { --series: var(--series-0); }
.series-1 { --series: var(--series-1); }
figure svg { display: block; width: 100%; height: 10rem; overflow: visible; }
figure .line { fill: none; stroke: var(--series); stroke-width: 3; stroke-linejoin: round; stroke-linecap: round; }
figure .line.series-1 { stroke-width: 1.25; }
figure .grid { stroke: var(--line); stroke-width: 1; }
figure .now { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 2 3; }
figure text { fill: var(--soft); font-size: 11px; }
.columns { columns: 21rem; column-gap: .75rem; }
section { padding: .8rem .9rem .9rem; margin-bottom: .75rem; break-inside: avoid; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: .875rem; }
th { color: var(--soft); font-weight: 500; }
th, td { text-align: left; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
tr:last-child td { border-bottom: 0; }
th:last-child, td:last-child { padding-right: 0; }
:is(#topics, #congested) :is(th, td):not(:first-child), #accounts :is(th, td):nth-child(n + 3), #reasons :is(th, td):last-child,
  #refusals :is(th, td):nth-child(4) { text-align: right; }
:is(#topics, #congested, #accounts) td:first-child, #refusals td:last-child { font: .8125rem/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
.countdown { font-size: 1.5rem; line-height: 1.3; font-weight: 620; letter-spacing: -.01em; }
.pairs { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; margin: .6rem 0 0; font-size: .875rem; }
.pairs dt { color: var(--soft); }
.pairs dd { margin: 0; }
summary { cursor: pointer; padding: .35rem 0; color: var(--bad); font-weight: 600; }
.drain { display: grid; gap: .7rem; justify-items: start; padding-top: .3rem; }
.check { display: flex; gap: .55rem; align-items: baseline; }
button { font: inherit; font-weight: 600; min-height: 2.75rem; padding: .4rem 1rem; border-radius: .5rem;
  border: 1px solid var(--ink); background: var(--ink); color: var(--paper); cursor: pointer; }
button.quiet { min-height: 2.25rem; padding: .2rem .8rem; font-size: .875rem; border-color: var(--line);
  background: transparent; color: var(--ink); }
button.danger { border-color: var(--bad); background: var(--bad); color: var(--card); }
:focus-visible { outline: 2px solid var(--series-0); outline-offset: 2px; }
.sign-in { max-width: 24rem; margin: 12vh auto 0; padding: 1.75rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .75rem; }
.sign-in .mark { width: 2.75rem; height: 2.75rem; }
.sign-in h1 { margin: .6rem 0 .25rem; }
.sign-in form { display: grid; gap: .5rem; margin-top: 1.1rem; }
.sign-in label { font-size: .875rem; font-weight: 600; }
.sign-in input { font: inherit; min-height: 2.75rem; padding: .4rem .7rem; border: 1px solid var(--soft);
  border-radius: .5rem; background: var(--paper); color: var(--ink); width: 100%; }
.sign-in button { margin-top: .5rem; }
.sign-in .notice { margin: .9rem 0 0; }
@media (max-width: 52rem) { .tiles { grid-template-columns: 1fr 1fr; } }
@media (max-width: 30rem) {
  header .grow { order: 1; flex-basis: 100%; }
  header form { margin-left: auto; }
  .tiles { gap: .5rem; }
  table { font-size: .8125rem; }
  th, td { padding-right: .5rem; }
  .tile { padding: .55rem .7rem; }
  .tile dd:first-of-type, .countdown { font-size: 1.3rem; }
  .drain button { width: 100%; }
}
`;
