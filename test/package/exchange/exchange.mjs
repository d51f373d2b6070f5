// One end of the exchange, the same on every platform: it does what it is told in the topic, and says what it sees.
import { connect } from "postern-client";
import { identityOf, newKeyPair } from "postern-client/identity";
import { mailboxesOf } from "postern-client/mailbox";

/** Resolves when the other end has said `end`. */
export async function exchange(address, secret, name, options = {}) {
  const relay = connect(address, options);
  const keys = await newKeyPair();
  const identity = identityOf(keys, { requireIdentity: true });
  const topic = await relay.join({ secret }, { presence: name, identity });
  const { promise, resolve } = Promise.withResolvers();
  topic.onRequest(async ({ text, peer }) => {
    if (text === "who am I") return peer.publicKey;
    if (text === "write to me") await write(relay, { keys, to: peer.publicKey, text: name, topic });
    return `${text}, answered`;
  });
  topic.on("update", ({ presence }) => topic.broadcast(`sees ${new TextDecoder().decode(presence)}`));
  topic.on("leave", () => topic.broadcast("misses somebody"));
  topic.on("lost", ({ count }) => topic.broadcast(`has lost ${count}`));
  topic.on("fault", ({ kind }) => topic.broadcast(`cannot use: ${kind}`));
  topic.on("message", ({ text, isDirect }) => {
    if (text === "end") resolve();
    else if (text.startsWith("show ")) topic.setPresence(text.slice(5));
    else void topic.broadcast(isDirect ? `heard alone: ${text}` : `heard ${text}`);
  });
  await promise;
  await relay.close();
}

/** Deposits for the other end, and says what it finds in its own mailbox. */
async function write(relay, { keys, to, text, topic }) {
  const mailboxes = mailboxesOf(relay);
  const mailbox = await mailboxes.open(keys);
  await mailboxes.deposit(to, text, { from: keys });
  void mailbox
    .messages()
    .next()
    .then(({ value }) => topic.broadcast(`found ${value.text}`));
}
