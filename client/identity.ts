/** The package `postern-client/identity`: members that prove who they are, for browsers, Node, Deno, Bun and workerd. */

export type { AdmissionOptions, KeyList } from "./identity/admission.ts";
export {
  exportKeyPair,
  exportKeyPairPem,
  importKeyPair,
  importKeyPairPem,
  type KeyPair,
  newKeyPair,
} from "./identity/key-pair.ts";
export { identityOf } from "./identity/member-identity.ts";
export { accept, connectTo, type Reached, type Rendezvous, type RendezvousOptions } from "./identity/rendezvous.ts";
export type { Identity } from "./session-identity.ts";
