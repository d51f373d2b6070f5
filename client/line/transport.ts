/** How the bytes go to a relay: over a WebSocket, or by polls where a proxy lets no WebSocket through. */
export type Transport = "websocket" | "polling";

/** What has worked in this network. Implemented by client/browser/ and client/node/, each as it can tell networks apart. */
export interface TransportMemory {
  /** Undefined: nothing is known. */
  recall(): Transport | undefined;
  remember(transport: Transport): void;
}
