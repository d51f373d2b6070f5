/** What has failed: why, and what to do. */
const PROBLEM = `<section class="notice bad" id="problem" role="alert" tabindex="-1" hidden>
  <h2 id="problem-title"></h2>
  <p id="problem-meaning"></p>
  <p id="problem-advice"></p>
  <p class="soft" id="problem-detail"></p>
  <form id="token-form" hidden>
    <label for="token">Token</label>
    <div class="line"><input id="token" type="password" autocomplete="off" maxlength="8192" required><button>Join with it</button></div>
    <p class="soft">In tokens, this topic is called <code id="topic-id"></code></p>
  </form>
  <p class="line"><button type="button" id="again">Try again</button><button class="quiet" type="button" id="back">Back to the start</button>
  <a href="doctor">Find out what stands in the way</a></p>
</section>`;

/** The way into a topic. */
const START = `<section class="card" id="start" hidden>
  <h2>Try it in two tabs</h2>
  <p>Apps behind a corporate firewall meet here over TLS when every other way is closed. They join a <em>topic</em>, and what
  one member sends, the others get. Make one, and open its link in a second tab or on another machine.</p>
  <form id="make"><button class="main" id="make-button">Start a topic</button></form>
  <form id="enter">
    <label for="invitation">Or join one: paste its link</label>
    <div class="line"><input id="invitation" autocomplete="off" spellcheck="false" maxlength="4096" required aria-describedby="invitation-fault"><button class="quiet">Join</button></div>
    <p class="fault" id="invitation-fault" role="alert"></p>
  </form>
</section>`;

/** A topic. */
const ROOM = `<div id="room" hidden>
<section class="card" aria-labelledby="share-title">
  <h2 id="share-title">Open this topic in a second tab</h2>
  <label class="hidden" for="link">Link to this topic</label>
  <div class="line"><input id="link" readonly spellcheck="false"><button class="quiet" type="button" id="copy">Copy</button><a class="button" id="second" target="_blank" rel="noopener" href="#">Open a second tab</a></div>
  <p class="soft" id="copied" role="status"></p>
  <p class="soft">Whoever has the link reads along, and nobody else: its secret stands behind #, which browsers keep to
  themselves. The relay carries what is sealed with it, and reads none of it.</p>
</section>
<div class="columns">
<section class="card talk" aria-labelledby="talk-title">
  <h2 id="talk-title">Talk</h2>
  <div id="log" role="log" tabindex="0" aria-labelledby="talk-title"></div>
  <form id="say">
    <label class="hidden" for="text">Message</label>
    <div class="line"><input id="text" autocomplete="off" maxlength="4000" required placeholder="Write to the others"><button class="main">Send</button></div>
  </form>
</section>
<section class="card" aria-labelledby="here-title">
  <h2 id="here-title">Who is here</h2>
  <ul id="members"></ul>
  <form id="rename">
    <label for="name">Your name, as the others see it</label>
    <div class="line"><input id="name" autocomplete="off" maxlength="40" required><button class="quiet">Change</button></div>
  </form>
  <p><button class="quiet" type="button" id="leave">Leave the topic</button></p>
</section>
</div>
</div>`;

/**
 * The try-it page, as it is before its script runs. All links in it are relative: it may be served below a path.
 * @param version undefined: not told.
 */
export function tryItMarkup(version: string | undefined): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Try this relay · Postern</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="try-it/style.css">
<script type="module" src="try-it/page.js"></script>
</head>
<body>
<header>
  <svg class="mark" viewBox="0 0 48 48" fill="none" stroke="currentColor" stroke-width="3" stroke-linejoin="round" aria-hidden="true">
    <path d="M4 44V14h6v5h6v-5h16v5h6v-5h6v30z"/><path d="M18 44V33a6 6 0 0 1 12 0v11"/>
  </svg>
  <h1>Postern relay</h1>
  <p class="state" id="state" role="status" data-state="idle">not connected</p>
</header>
<main>
<noscript><p class="notice">This is a Postern relay. To try it from here, the page needs JavaScript. Apps connect to this address by WebSocket.</p></noscript>
<p class="soft" id="loading">One moment. Where this stays, <a href="try-it/page.js">the script of this page</a> did not come.</p>
${PROBLEM}
${START}
${ROOM}
<section class="card" aria-labelledby="facts-title">
  <h2 id="facts-title">This relay</h2>
  <dl>
    <dt>Address</dt><dd><code id="address">a WebSocket to this page's address</code></dd>
    <dt>Connection</dt><dd id="connection">not connected</dd>
    <dt>Certificate</dt><dd id="certificate">unknown</dd>${version === undefined ? "" : `\n    <dt>Version</dt><dd><code>${version}</code></dd>`}
    <dt>Health</dt><dd><a href="health">health</a>, <a href="ready">ready</a></dd>
    <dt>This network</dt><dd><a href="doctor">what it lets through</a></dd>
  </dl>
</section>
</main>
</body>
</html>
`;
}
