/**
 * The page for people who open the relay's address in a browser. Static, self-contained, readable without scripts.
 * @param version undefined: not told.
 */
export function landingPage(version: string | undefined): string {
  const versionRow = version === undefined ? "" : `\n    <dt>Version</dt><dd><code>${version}</code></dd>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Postern relay</title>
<style>
  :root { color-scheme: light dark; --ink: #1d2430; --soft: #5b6676; --paper: #fbfaf7; --line: #d9d6cd; --mark: #8a5a2b; }
  @media (prefers-color-scheme: dark) {
    :root { --ink: #e8e6e1; --soft: #a2a9b4; --paper: #14171c; --line: #333a45; --mark: #d9a566; }
  }
  body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--paper); color: var(--ink);
    font: 17px/1.6 system-ui, sans-serif; }
  main { max-width: 34rem; padding: 3rem 1.5rem; }
  svg { display: block; width: 3.5rem; height: 3.5rem; color: var(--mark); }
  h1 { margin: 1rem 0 .25rem; font-size: 1.7rem; letter-spacing: -.01em; }
  p { margin: .75rem 0; }
  .soft { color: var(--soft); }
  dl { display: grid; grid-template-columns: max-content 1fr; gap: .35rem 1.25rem; margin: 1.75rem 0 0;
    padding-top: 1.25rem; border-top: 1px solid var(--line); }
  dt { color: var(--soft); } dd { margin: 0; }
  code { font: .92em/1.4 ui-monospace, monospace; } a { color: inherit; }
</style>
</head>
<body>
<main>
  <svg viewBox="0 0 48 48" fill="none" stroke="currentColor" stroke-width="3" stroke-linejoin="round" aria-hidden="true">
    <path d="M4 44V14h6v5h6v-5h16v5h6v-5h6v30z"/><path d="M18 44V33a6 6 0 0 1 12 0v11"/>
  </svg>
  <h1>This is a Postern relay</h1>
  <p>A small gate in the wall. Apps behind a corporate firewall meet here over TLS when every other way is closed.</p>
  <p class="soft">There is nothing to see in a browser. The relay passes bytes between the members of a topic and stores
  none of them.</p>
  <dl>
    <dt>Connect</dt><dd>a WebSocket to this address</dd>
    <dt>Health</dt><dd><a href="/health"><code>/health</code></a></dd>${versionRow}
  </dl>
</main>
</body>
</html>
`;
}
