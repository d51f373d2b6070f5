import type { KillTestContestant } from "./contestant.ts";
import { centrifugo } from "./contestants/centrifugo.ts";
import { postern, posternPublic } from "./contestants/postern.ts";
import { posternWithoutSdk } from "./contestants/postern-without-sdk.ts";
import { socketIo } from "./contestants/socket-io.ts";
import { bareWs } from "./contestants/ws.ts";

/** All that can run the kill test, in the order of the table. */
export const killTestContestants: readonly KillTestContestant[] = [
  postern,
  posternPublic,
  posternWithoutSdk,
  socketIo,
  centrifugo,
  bareWs,
];
