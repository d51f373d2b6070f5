import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import type { TokenAuthorityOptions } from "./token-authority.ts";

/** The options about access, by their names in the table. */
export type AuthOptions = TokenAuthorityOptions & {
  readonly auth: "open" | "tokens";
  readonly authKeysFile: string;
  readonly authKeySet: string;
  readonly authJwksUrl: string;
  readonly authJwksCaFile: string;
  readonly authJwksRefreshMs: number;
  readonly authJwksMaxAgeMs: number;
  readonly authIssuer: string;
  readonly authAudience: string;
  readonly authRequireExpiry: boolean;
  readonly authRevocationsFile: string;
};

/** What the authorities use. */
export type AuthorityParts = { readonly clock: Clock; readonly log: Logger };
