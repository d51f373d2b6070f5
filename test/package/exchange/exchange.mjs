// One end of the exchange, the same on every platform: it does what it is told in the topic, and says what it sees.
import { connect } from "postern-client";
import { identityOf, newKeyPair } from "postern-client/identity";

/** Resolves when the other end has said `end`. */
export async function exchange(address, secret, name) {
  const relay = connect(address);
  const identity = identityOf(await newKeyPair(), { requireIdentity: true });
  const topic = await relay.join({ secret }, { presence: name, identity });
  const { promise, resolve } = Promise.withResolvers();
  topic.onRequest(({ text, peer }) => (text === "who am I" ? peer.publicKey : `${text}, answered`));
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
