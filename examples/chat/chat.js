// A chat in a page: index.html?relay=wss://relay.example.com. Whoever has the whole link, the secret behind # included, is in it.
import { connect, newSecret } from "postern-client";

const asked = new URL(location.href).searchParams;
// What is behind # is not sent to the server of this page.
if (location.hash === "") location.hash = newSecret();
const relay = connect(asked.get("relay") ?? "wss://localhost:8443");
const state = document.getElementById("state");
const text = document.getElementById("text");

relay.on("state", (now) => {
  state.textContent = now;
});
relay.on("error", (error) => show(`! ${error.message}`));

const topic = await relay.join({ secret: location.hash.slice(1) }, { timeoutMs: 3_600_000 });
show(`* only who has this link reads along: ${location.href}`);
topic.on("join", (peer) => show(`* ${nameOf(peer)} is here`));
topic.on("leave", (peer) => show(`* ${nameOf(peer)} left`));
topic.on("message", (message) => show(`${nameOf(message.peer)}: ${message.text}`));
topic.on("lost", ({ peer, count }) => show(`* ${count} messages of ${nameOf(peer)} are lost`));
topic.on("error", (error) => show(`! ${error.message}. ${error.remedy}`));
for (const peer of topic.peers.values()) show(`* ${nameOf(peer)} is here`);

document.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const line = text.value;
  text.value = "";
  show(`me: ${line}`);
  topic.broadcast(line).catch((error) => show(`! not sent: ${error.message}`));
});

function nameOf(peer) {
  return peer.id.slice(0, 6);
}

/** As text, never as markup: it may be a stranger's. */
function show(line) {
  const item = document.createElement("li");
  item.textContent = line;
  document.getElementById("lines").append(item);
}
