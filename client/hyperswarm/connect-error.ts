const sentences = {
  PEER_NOT_FOUND: "Peer not found",
  PEER_CONNECTION_FAILED: "Could not connect to peer",
  UNREACHABLE: "No relay is reached",
  SUSPENDED: "Suspended",
  DESTROYED: "Destroyed",
} as const;

/** An error as hyperdht gives it to apps: they look at its `code`. */
export function connectError(code: keyof typeof sentences, cause?: unknown): Error & { readonly code: string } {
  return Object.assign(new Error(`${code}: ${sentences[code]}`, { cause }), { code });
}
