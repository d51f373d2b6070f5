/** The doctor's page, as it is before its script runs. All links in it are relative: it may be served below a path. */
export const DOCTOR_MARKUP = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>What does this network let through? · Postern</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="try-it/style.css">
<script type="module" src="try-it/doctor.js"></script>
</head>
<body>
<header>
  <svg class="mark" viewBox="0 0 48 48" fill="none" stroke="currentColor" stroke-width="3" stroke-linejoin="round" aria-hidden="true">
    <path d="M4 44V14h6v5h6v-5h16v5h6v-5h6v30z"/><path d="M18 44V33a6 6 0 0 1 12 0v11"/>
  </svg>
  <h1>Does this network let apps through?</h1>
  <p class="state" id="state" data-state="idle" hidden></p>
</header>
<main>
<noscript><p class="notice">This page looks at the way to a Postern relay, and needs JavaScript for that. A program that does the same: <code>postern-client doctor</code>.</p></noscript>
<p class="soft" id="loading">One moment. Where this stays, <a href="try-it/doctor.js">the script of this page</a> did not come.</p>
<div id="doctor" hidden>
<div role="status">
<section class="notice" id="verdict" hidden>
  <h2 id="verdict-sentence"></h2>
  <p id="verdict-remedy"></p>
  <p id="verdict-who"></p>
  <p id="verdict-settle"></p>
  <p class="soft" id="verdict-cause"></p>
</section>
</div>
<form class="card" id="token-form" hidden>
  <label for="token">Token of the app: looks again, with it. It stays in this tab, and is sent to this relay alone</label>
  <div class="line"><input id="token" type="password" autocomplete="off" maxlength="8192" required><button>Look again</button></div>
</form>
<section class="card" aria-labelledby="checks-title">
  <h2 id="checks-title">The way to <code id="address"></code></h2>
  <ul id="checks"></ul>
  <form id="look">
    <p><label class="choice"><input type="checkbox" id="quiet"> Leave a connection without messages for 90 s too</label></p>
    <p class="line"><button class="quiet" id="again">Look again</button></p>
  </form>
</section>
<section class="card" id="hand-on" aria-labelledby="ticket-title" hidden>
  <h2 id="ticket-title">For the help desk</h2>
  <p class="soft" id="ticket-hint">What was seen, and what has to be allowed. Nothing in it is secret.</p>
  <textarea id="ticket" readonly rows="16" spellcheck="false" aria-labelledby="ticket-title" aria-describedby="ticket-hint"></textarea>
  <p class="line"><button type="button" id="copy">Copy</button><span class="soft" id="copied" role="status"></span></p>
</section>
<section class="card" aria-labelledby="more-title">
  <h2 id="more-title">What a page cannot see</h2>
  <p>A browser shows a page neither the certificate nor why a connection fails. A program on the same machine sees more:</p>
  <p><code>postern-client doctor <span id="program-address"></span></code></p>
  <p class="soft">This page joins a topic of its own with a random name, and sends nothing of yours. <a href=".">Try this relay</a></p>
</section>
</div>
</main>
</body>
</html>
`;
