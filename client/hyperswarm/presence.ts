import type { Peer, Topic } from "../topic.ts";

/** Shows bytes to the members of a topic, in place of those before; also to members who come later. */
export async function showPresence(topic: Topic, data: Uint8Array): Promise<void> {
  shown.set(topic, data);
  await topic.broadcast(data);
}

/** Calls a listener with what each member shows, now and at each change. */
export function onPresence(topic: Topic, listener: (peer: Peer, data: Uint8Array | undefined) => void): void {
  const greet = (peer: Peer): void => {
    const data = shown.get(topic);
    if (data !== undefined) topic.send(peer, data).catch(() => undefined);
  };
  topic.on("message", ({ peer, data }) => listener(peer, data));
  topic.on("join", greet);
  for (const peer of topic.peers.values()) greet(peer);
}

const shown = new WeakMap<Topic, Uint8Array>();
