import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { FakeManagedIdentity } from "./fake-managed-identity.ts";
import { sharedCertificate } from "./shared-certificate.ts";

/** What the roles of a vault distinguish: the data actions of secrets. */
type Action = "getSecret" | "setSecret" | "readMetadata" | "update";

/** An answer in place of the usual one. */
type Fault = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** The vault's words; without them the answer has no body. */
  readonly code?: string;
  readonly innerCode?: string;
};

type Version = {
  readonly version: string;
  readonly value: string;
  readonly contentType: string | undefined;
  readonly attributes: { enabled: boolean; readonly created: number; readonly exp: number | undefined };
};

/** A request that came, and whether it had a token that the vault believes. */
type Seen = {
  readonly method: string;
  readonly path: string;
  readonly isAuthorized: boolean;
  readonly byteCount: number;
};

const RESOURCE = "https://vault.azure.net";
/** https://learn.microsoft.com/azure/key-vault/secrets/about-secrets: 25 KB. */
const MAX_VALUE_BYTES = 25_600;

/**
 * A Key Vault on loopback for the real Azure SDK, with an endpoint that gives tokens for it: challenge, secrets with
 * versions, soft delete. Rights can be taken away, and any answer replaced. Closed when the test ends.
 */
export class FakeKeyVault {
  /** For `KeyVaultOptions.emulator`. */
  readonly ca: string;
  readonly identity: FakeManagedIdentity;
  readonly seen: Seen[] = [];
  /** What the identity may not do. */
  readonly forbidden: Set<Action> = new Set();
  /** The next answers of the vault to requests with a token; then it answers as usual. */
  readonly faults: Fault[] = [];
  /** Neither answers, nor closes. */
  isSilent: boolean = false;
  /** Requests that wait for an answer, and whose clients are still there. */
  waitingCount: number = 0;
  readonly #secrets = new Map<string, Version[]>();
  readonly #deleted = new Set<string>();
  readonly #server: Server;

  private constructor(identity: FakeManagedIdentity) {
    this.identity = identity;
    const { key, certificate } = sharedCertificate();
    this.ca = certificate;
    this.#server = createServer({ key, cert: certificate }, (request, response) => {
      void this.#answer(request, response);
    });
  }

  static async start(): Promise<FakeKeyVault> {
    const vault = new FakeKeyVault(await FakeManagedIdentity.get());
    vault.#server.listen(0, "127.0.0.1");
    await once(vault.#server, "listening");
    onTestFinished(() => {
      vault.#server.closeAllConnections();
      vault.#server.close();
    });
    return vault;
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo;
    return `https://127.0.0.1:${port}`;
  }

  /** The versions of a secret, in the order in which they were saved. */
  versionsOf(name: string): readonly Version[] {
    return this.#secrets.get(name) ?? [];
  }

  /** Puts versions there as if they had been saved at these times, in seconds since the epoch. */
  putVersions(name: string, createdAt: readonly number[]): void {
    const versions = createdAt.map((created) => versionOf({ value: "{}" }, created));
    this.#secrets.set(name, versions);
  }

  /** Deletes a secret as a vault with soft delete does: gone, and its name still taken. */
  delete(name: string): void {
    this.#secrets.delete(name);
    this.#deleted.add(name);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.waitingCount += 1;
    response.on("close", () => {
      this.waitingCount -= 1;
    });
    const text = await bodyOf(request);
    const { pathname } = new URL(request.url ?? "", "https://vault");
    const isAuthorized = this.identity.knows((request.headers.authorization ?? "").replace("Bearer ", ""));
    this.seen.push({ method: request.method ?? "", path: pathname, isAuthorized, byteCount: Buffer.byteLength(text) });
    if (this.isSilent) return;
    if (!isAuthorized) {
      const challenge = `Bearer authorization="https://login.microsoftonline.com/tenant", resource="${RESOURCE}"`;
      return fail(response, { status: 401, code: "Unauthorized", headers: { "www-authenticate": challenge } });
    }
    const fault = this.faults.shift();
    if (fault !== undefined) return fail(response, fault);
    const [, kind, name = "", version] = pathname.split("/");
    if (kind !== "secrets") return fail(response, { status: 404, code: "NotFound" });
    const body: unknown = text === "" ? {} : JSON.parse(text);
    return this.#act({ action: actionOf(request.method, version), name, version, body: body as SecretBody }, response);
  }

  #act({ action, name, version, body }: Call, response: ServerResponse): void {
    if (this.forbidden.has(action)) {
      return fail(response, { status: 403, code: "Forbidden", innerCode: "ForbiddenByRbac" });
    }
    const versions = this.#secrets.get(name) ?? [];
    switch (action) {
      case "getSecret": {
        const found = versions.at(-1);
        if (found === undefined) return fail(response, { status: 404, code: "SecretNotFound" });
        if (!found.attributes.enabled)
          return fail(response, { status: 403, code: "Forbidden", innerCode: "SecretDisabled" });
        return send(response, 200, this.#bundle(name, found));
      }
      case "readMetadata": {
        const value = versions.map((each) => ({ ...this.#bundle(name, each), value: undefined }));
        // In no order of time, as the versions' ids have none.
        return send(response, 200, { value: value.toReversed() });
      }
      case "update": {
        const found = versions.find((each) => each.version === version);
        if (found === undefined) return fail(response, { status: 404, code: "SecretNotFound" });
        found.attributes.enabled = body.attributes?.enabled ?? found.attributes.enabled;
        return send(response, 200, this.#bundle(name, found));
      }
      case "setSecret": {
        if (this.#deleted.has(name)) {
          return fail(response, { status: 409, code: "Conflict", innerCode: "ObjectIsDeletedButRecoverable" });
        }
        if (Buffer.byteLength(body.value ?? "") > MAX_VALUE_BYTES) {
          return fail(response, { status: 400, code: "BadParameter" });
        }
        const saved = versionOf(body, Math.floor(Date.now() / 1000));
        this.#secrets.set(name, [...versions, saved]);
        return send(response, 200, this.#bundle(name, saved));
      }
    }
  }

  #bundle(name: string, { version, value, contentType, attributes }: Version): object {
    const id = `${this.url}/secrets/${name}/${version}`;
    return { id, value, contentType, attributes: { ...attributes, updated: attributes.created } };
  }
}

type SecretBody = {
  readonly value?: string;
  readonly contentType?: string;
  readonly attributes?: { readonly enabled?: boolean; readonly exp?: number };
};

type Call = {
  readonly action: Action;
  readonly name: string;
  readonly version: string | undefined;
  readonly body: SecretBody;
};

function actionOf(method: string | undefined, version: string | undefined): Action {
  if (method === "PUT") return "setSecret";
  if (method === "PATCH") return "update";
  return version === "versions" ? "readMetadata" : "getSecret";
}

function versionOf({ value = "", contentType, attributes }: SecretBody, created: number): Version {
  const version = randomBytes(16).toString("hex");
  return { version, value, contentType, attributes: { enabled: true, created, exp: attributes?.exp } };
}

function fail(response: ServerResponse, { status, headers, code, innerCode }: Fault): void {
  const inner = innerCode === undefined ? {} : { innererror: { code: innerCode } };
  // As a vault does, the message names who asked: it is not for a log.
  const error = { code, message: "Caller: appid=private-app-id", ...inner };
  send(response, status, code === undefined ? undefined : { error }, headers);
}

function send(response: ServerResponse, status: number, body: unknown, headers: Fault["headers"] = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
