import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What the endpoint was asked for. */
type TokenRequest = { readonly clientId: string | null; readonly resource: string | null };

const LIFETIME_SECONDS = 86_399;

/** On the process, as the SDK's own memory of the endpoint is: this module may be evaluated again. */
const shared = globalThis as typeof globalThis & { fakeManagedIdentity?: Promise<FakeManagedIdentity> };

/**
 * The token endpoint that Azure gives to a container, on loopback. There is one per process, since the Azure SDK looks for
 * it once per process and keeps it.
 */
export class FakeManagedIdentity {
  /** The next answers have these codes and no token; then it answers as usual. */
  readonly faults: number[] = [];
  readonly requests: TokenRequest[] = [];
  /** Neither answers, nor closes. */
  isSilent: boolean = false;
  readonly #tokens = new Set<string>();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#answer(request, response);
    });
  }

  /** Gives the one of this process, as new. The SDK in this process finds it by a variable. */
  static async get(): Promise<FakeManagedIdentity> {
    shared.fakeManagedIdentity ??= FakeManagedIdentity.#start();
    const identity = await shared.fakeManagedIdentity;
    identity.faults.length = 0;
    identity.isSilent = false;
    identity.requests.length = 0;
    return identity;
  }

  static async #start(): Promise<FakeManagedIdentity> {
    const identity = new FakeManagedIdentity();
    identity.#server.listen(0, "127.0.0.1").unref();
    await once(identity.#server, "listening");
    process.env["AZURE_POD_IDENTITY_AUTHORITY_HOST"] = identity.url;
    return identity;
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `http://127.0.0.1:${port}`;
  }

  /** Whether a token is one that it gave. */
  knows(token: string): boolean {
    return this.#tokens.has(token);
  }

  #answer({ url, headers }: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams } = new URL(url ?? "", this.url);
    const clientId = searchParams.get("client_id");
    const resource = searchParams.get("resource");
    this.requests.push({ clientId, resource });
    if (this.isSilent) return;
    response.setHeader("content-type", "application/json");
    // The SDK puts a slash behind the path where a variable gives the host. A request that was lured here from elsewhere
    // lacks the header.
    const isTokenRequest = pathname === "/metadata/identity/oauth2/token/" && headers["metadata"] === "true";
    const fault = isTokenRequest ? this.faults.shift() : 400;
    if (fault !== undefined) {
      response
        .writeHead(fault)
        .end(JSON.stringify({ error: "invalid_request", error_description: "Identity not found" }));
      return;
    }
    const token = randomBytes(16).toString("hex");
    this.#tokens.add(token);
    response.end(
      JSON.stringify({
        access_token: token,
        client_id: clientId,
        expires_in: `${LIFETIME_SECONDS}`,
        expires_on: `${Math.floor(Date.now() / 1000) + LIFETIME_SECONDS}`,
        resource,
        token_type: "Bearer",
      }),
    );
  }
}
