import type { Server } from "node:net";
import type { TLSSocket } from "node:tls";
import { HEALTH_NAME } from "../tls/health-name.ts";

/** Why a TLS handshake came to nothing: a closed set, it is a label. */
type HandshakeFailure = "timeout" | "reset" | "protocol" | "other";

/** TLS handshakes since the start. */
export type HandshakeReading = {
  readonly completed: number;
  readonly failed: Readonly<Record<HandshakeFailure, number>>;
};

/** Counts the TLS handshakes of a server, those of authorities that check a name included. */
export class HandshakeCounts {
  #completed = 0;
  readonly #failed = { timeout: 0, reset: 0, protocol: 0, other: 0 };

  /** @param server one without TLS has nothing to count. */
  watch(server: Server): void {
    server.on("secureConnection", () => {
      this.#completed += 1;
    });
    server.on(
      "tlsClientError",
      (error: NodeJS.ErrnoException, { servername }: TLSSocket & { servername?: unknown }) => {
        // It asks whether anybody answers, and that is all.
        if (servername === HEALTH_NAME) return;
        this.#failed[failureOf(error.code ?? "")] += 1;
      },
    );
  }

  read(): HandshakeReading {
    return { completed: this.#completed, failed: { ...this.#failed } };
  }
}

function failureOf(code: string): HandshakeFailure {
  if (code === "ERR_TLS_HANDSHAKE_TIMEOUT") return "timeout";
  if (code === "ECONNRESET" || code === "EPIPE") return "reset";
  return code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_") || code === "EPROTO" ? "protocol" : "other";
}
