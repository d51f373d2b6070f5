import type { KillTestContestant } from "../contestant.ts";
import { NaiveMember, type Speech } from "../naive-member.ts";

const SERVER_PATH = new URL("../servers/ws-server.ts", import.meta.url).pathname;

/** Messages as they are. */
const PLAIN: Speech = {
  subprotocol: undefined,
  hello: undefined,
  isReady: true,
  hear: () => undefined,
  encode: (message) => message,
  decode: (bytes) => bytes,
};

/** The floor: no more than a socket that is opened again. */
export const bareWs: KillTestContestant = {
  name: "ws",
  sentence:
    "a broadcast server on `ws`, and a client that dials again after a second and keeps what is published meanwhile",
  missing: () => undefined,
  command: ({ port, keyPath, certificatePath }) => [
    process.execPath,
    SERVER_PATH,
    String(port),
    keyPath,
    certificatePath,
  ],
  openMember: async (setting, hooks) => {
    const member = new NaiveMember(setting, hooks, () => PLAIN);
    await member.ready;
    return member;
  },
};
