// The WebSocket of a browser. The test calls `take` with each command, and asks `nextLines` for what it tells.
import { clientOf } from "./web-socket.js";

let lines = [];
let wake = () => undefined;

globalThis.take = clientOf(
  (url, subprotocols) => new WebSocket(url, subprotocols),
  (line) => {
    lines.push(line);
    wake();
  },
);

globalThis.nextLines = async () => {
  if (lines.length === 0) {
    await new Promise((resolve) => {
      wake = resolve;
    });
  }
  const next = lines;
  lines = [];
  return next;
};
