// Connections of a page that do what their plans say (test/network/plan.ts). `PLANS` stands before this in the page.

/* global PLANS */

/** What waits in a socket before the next message is given to it. */
const MAX_BUFFERED_BYTES = 1_048_576;
const LOOK_MS = 50;

// By console: what the browser prints of it has quotes and line breaks of its own.
const tell = (event) => console.log(`EVENT ${btoa(JSON.stringify(event))} END`);

for (const plan of PLANS) connect(plan);

function connect(plan) {
  const { name, form, send } = plan;
  const socket = new WebSocket(plan.url, form === "classic" ? [] : ["postern.v1"]);
  socket.binaryType = "arraybuffer";
  const names = new Map();
  const handles = new Map();
  let isHeldBack = false;
  let isBegun = false;

  socket.addEventListener("open", () => {
    for (const topic of plan.topics) {
      socket.send(JSON.stringify({ type: "join", topic, peerId: name, ...(form === "binary" && { encoding: form }) }));
    }
  });
  socket.addEventListener("close", ({ code, reason }) => tell({ name, event: "closed", code, reason }));
  socket.addEventListener("message", ({ data }) => {
    if (typeof data === "string") take(JSON.parse(data));
    else message(names.get(new DataView(data).getUint32(8)) ?? "", new Uint8Array(data, 12));
  });

  function take(received) {
    const { type, topic, peerId, peerHandle } = received;
    if (type === "joined") {
      handles.set(topic, received.topicHandle);
      for (const member of received.members) names.set(member.peerHandle, member.peerId);
      tell({ name, event: "joined", topic });
      if (received.members.length > 0) met(topic);
    } else if (type === "peer-joined") {
      names.set(peerHandle, peerId);
      met(topic);
    } else if (type === "data") {
      const payload = atob(received.data);
      tell({ name, event: "message", from: peerId, index: Number(payload.slice(0, 8)), bytes: payload.length });
    } else if (type === "peer-left") tell({ name, event: "peer-left", peerId });
    else if (type === "congested" || type === "relieved") {
      tell({ name, event: type });
      isHeldBack = type === "congested" && send?.isPolite === true;
    }
  }

  function message(from, payload) {
    const index = Number(new TextDecoder().decode(payload.subarray(0, 8)));
    tell({ name, event: "message", from, index, bytes: payload.length });
  }

  function met(topic) {
    if (send?.begins !== "when-met" || topic !== send.topic || isBegun) return;
    isBegun = true;
    let index = 0;
    const timer = setInterval(() => {
      if (isHeldBack) return;
      while (socket.bufferedAmount < MAX_BUFFERED_BYTES && (send.count === 0 || index < send.count)) {
        socket.send(write(index));
        tell({ name, event: "sent", index });
        index += 1;
      }
      if (socket.readyState > 1 || (send.count > 0 && index === send.count)) clearInterval(timer);
    }, LOOK_MS);
  }

  function write(index) {
    const text = String(index).padStart(8, "0").padEnd(send.sizeBytes, "x");
    if (form === "json") return JSON.stringify({ type: "data", topic: send.topic, data: btoa(text) });
    const frame = new Uint8Array(12 + send.sizeBytes);
    frame[0] = 1;
    new DataView(frame.buffer).setUint32(4, handles.get(send.topic));
    frame.set(new TextEncoder().encode(text), 12);
    return frame;
  }
}
