/** What the try-it page and the doctor's look like. Colours by role; the dark ones are the same roles again. */
export const TRY_IT_STYLE = `
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5b6676; --paper: #f6f4ef; --card: #fffefb; --line: #dcd8ce;
  --edge: #7d8593; --mark: #8a5a2b; --good: #2d6a44; --good-paper: #e2f0e6; --warn: #8a4b08; --warn-paper: #fbeed8;
  --bad: #a3262a; --bad-paper: #fbe9e7; --link: #1f5f9a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e9e7e2; --soft: #a3abb7; --paper: #12151a; --card: #1a1e25; --line: #323945; --edge: #7d8593;
    --mark: #d9a566; --good: #8fd3a6; --good-paper: #1b3325; --warn: #f0bd7b; --warn-paper: #3a2a14; --bad: #ff9d98;
    --bad-paper: #3a1b1b; --link: #7bbcf2; }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { margin: 0 auto; max-width: 62rem; padding: 1.25rem clamp(.9rem, 3vw, 2rem) 3rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
header { display: flex; flex-wrap: wrap; align-items: center; gap: .4rem .8rem; margin-bottom: 1rem; }
.mark { width: 2rem; height: 2rem; color: var(--mark); flex: none; }
h1 { font-size: 1.35rem; letter-spacing: -.01em; margin: 0; }
h2 { font-size: 1.05rem; margin: 0 0 .5rem; }
p { margin: .5rem 0; }
.soft { color: var(--soft); font-size: .875rem; }
.state { margin: 0; padding: .1rem .65rem; border-radius: 1rem; font-size: .8125rem; font-weight: 600;
  background: var(--line); color: var(--ink); }
.state[data-state=connected] { background: var(--good-paper); color: var(--good); }
.state:is([data-state=connecting], [data-state=reconnecting], [data-state=looking]) { background: var(--warn-paper); color: var(--warn); }
.state[data-state=closed] { background: var(--bad-paper); color: var(--bad); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: 1rem 1.1rem;
  margin: 0 0 .75rem; min-width: 0; }
.card > :last-child, .notice > :last-child { margin-bottom: 0; }
[role=status]:empty { display: none; }
.notice { margin: 0 0 .75rem; padding: .9rem 1.1rem; border-radius: .6rem; background: var(--warn-paper); color: var(--warn); }
.notice.bad { background: var(--bad-paper); color: var(--bad); border: 1px solid var(--bad); }
.notice.bad :is(p, label) { color: var(--ink); }
.notice.good { background: var(--good-paper); color: var(--good); border: 1px solid var(--good); }
.notice.good p { color: var(--ink); }
.fault { color: var(--bad); margin: .3rem 0 0; font-size: .875rem; }
.fault:empty { display: none; }
form { margin: .75rem 0 0; }
label { display: block; font-size: .875rem; font-weight: 600; margin-bottom: .25rem; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.line { display: flex; flex-wrap: wrap; gap: .5rem; align-items: center; }
.line input { flex: 1 1 12rem; }
input { font: inherit; min-width: 0; min-height: 2.75rem; padding: .4rem .7rem; border: 1px solid var(--edge);
  border-radius: .5rem; background: var(--paper); color: var(--ink); }
::placeholder { color: var(--soft); opacity: 1; }
#link { font: .8125rem/1.4 ui-monospace, "DejaVu Sans Mono", monospace; text-overflow: ellipsis; }
button, .button { font: inherit; font-weight: 600; min-height: 2.75rem; padding: .4rem 1rem; border-radius: .5rem;
  border: 1px solid var(--ink); background: var(--ink); color: var(--paper); cursor: pointer; text-decoration: none;
  display: inline-flex; align-items: center; }
.quiet { border-color: var(--edge); background: transparent; color: var(--ink); }
button:disabled { opacity: .55; cursor: default; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
a { color: var(--link); }
.columns { display: grid; grid-template-columns: minmax(0, 2fr) minmax(0, 1fr); gap: .75rem; align-items: start; }
#log { padding: .25rem 0; height: 17rem; overflow-y: auto; overscroll-behavior: contain; }
#log p { margin: .2rem 0; overflow-wrap: anywhere; white-space: pre-wrap; }
#log time { color: var(--soft); font-size: .75rem; margin-right: .5rem; font-variant-numeric: tabular-nums; }
#log .event { color: var(--soft); font-size: .875rem; }
#log .warning { color: var(--warn); font-size: .875rem; }
.who { font-weight: 650; }
.id { color: var(--soft); font: .75rem ui-monospace, "DejaVu Sans Mono", monospace; margin-left: .3rem; }
#verdict h2 { margin: 0; }
#checks { list-style: none; margin: 0; padding: 0; }
#checks li { display: grid; grid-template-columns: 4.5rem 10rem minmax(0, 1fr); gap: 0 .75rem; padding: .35rem 0;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
#checks .outcome { color: var(--soft); font-size: .875rem; font-weight: 650; }
#checks [data-state=ok] .outcome { color: var(--good); } #checks [data-state=warned] .outcome { color: var(--warn); }
#checks [data-state=failed] .outcome { color: var(--bad); } #checks .found { color: var(--soft); font-size: .875rem; }
.choice { display: flex; gap: .5rem; align-items: center; margin: 0; font-weight: 400; }
.choice input { min-height: 0; width: 1.25rem; height: 1.25rem; flex: none; }
textarea { width: 100%; font: .8125rem/1.4 ui-monospace, "DejaVu Sans Mono", monospace; padding: .6rem .7rem; resize: vertical;
  border: 1px solid var(--edge); border-radius: .5rem; background: var(--paper); color: var(--ink); }
#members { list-style: none; margin: 0; padding: 0; max-height: 14rem; overflow-y: auto; }
#members li { padding: .25rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
#members li::before { content: ""; display: inline-block; width: .55rem; height: .55rem; border-radius: 50%;
  background: var(--good); margin-right: .5rem; }
body:has(.state:not([data-state=connected])) #members li::before { background: none; border: 1px solid var(--soft); }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .35rem 1.25rem; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
code { font: .875rem/1.4 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
@media (scripting: none) { #loading { display: none; } }
@media (max-width: 44rem) { .columns { grid-template-columns: minmax(0, 1fr); gap: 0; } }
@media (max-width: 30rem) {
  .line :is(button, .button) { flex: 1 1 auto; justify-content: center; }
  #checks li { grid-template-columns: 4.5rem minmax(0, 1fr); } #checks .found { grid-column: 2; }
  dl { grid-template-columns: minmax(0, 1fr); gap: 0; } dd { margin-bottom: .5rem; }
}
`;
