// The WebSockets of Node, Bun and Deno: which one is the first argument.
import { createRequire } from "node:module";
import process from "node:process";
import { createInterface } from "node:readline";
import { clientOf } from "./web-socket.js";

const installed = createRequire(`${process.env.POSTERN_CLIENTS}/`);

const dials = {
  "built-in": (url, protocols, headers) => new WebSocket(url, { protocols, headers }),
  undici: (url, protocols, headers) => new (installed("undici").WebSocket)(url, { protocols, headers }),
  ws: (url, protocols, headers, onRefused) => {
    const socket = new (installed("ws").WebSocket)(url, protocols, { headers });
    socket.on("unexpected-response", (request, response) => {
      onRefused(response.statusCode, response.headers["x-refusal"]);
      request.destroy();
    });
    return socket;
  },
};

const take = clientOf(dials[process.argv[2]], (line) => process.stdout.write(`${line}\n`));
createInterface({ input: process.stdin }).on("line", take);
