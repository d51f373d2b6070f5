import type * as http from "node:http";

const loaded = process.getBuiltinModule("node:http");

/*
 * What the relay uses of `node:http`. To import that module by name would load, for the sake of its `WebSocket`, all of
 * Node's `fetch` (seen with Node 24): a fifth of a relay's start, and memory that nobody uses. The types cost nothing.
 */

/** `node:http`'s. */
export const createServer: typeof http.createServer = loaded.createServer;

/** `node:http`'s. */
export const ServerResponse: typeof http.ServerResponse = loaded.ServerResponse;

/** `node:http`'s: the phrase for each status. */
export const STATUS_CODES: typeof http.STATUS_CODES = loaded.STATUS_CODES;
