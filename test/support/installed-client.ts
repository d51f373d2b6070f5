import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";
import { BARE_PACKAGES } from "./bare.ts";

/** What the client loads of others; the last ones for `postern-client/hyperswarm` alone. */
const BESIDE = [
  "ws",
  "sodium-native",
  "hyperswarm",
  "@hyperswarm/secret-stream",
  "hypercore-crypto",
  "noise-curve-ed",
  "noise-handshake",
  "streamx",
];

/** What it loads on Bare, where `test/package/bare/install.sh` puts it. */
const BESIDE_ON_BARE = [
  "bare-abort-controller",
  "bare-buffer",
  "bare-crypto",
  "bare-encoding",
  "bare-events",
  "bare-performance",
  "bare-tcp",
  "bare-tls",
];

/** A folder for programs, with the client beside them as npm would install it. */
export class InstalledClient {
  readonly folder: string = mkdtempSync(join(tmpdir(), "postern-installed-"));

  /** Compiles the client. */
  async install(): Promise<void> {
    const client = join(this.folder, "node_modules/postern-client");
    mkdirSync(client, { recursive: true });
    cpSync("client/package.json", join(client, "package.json"));
    const compiled = ["-p", "client/tsconfig.build.json", "--outDir", join(client, "dist")];
    await promisify(execFile)(resolve("node_modules/.bin/tsc"), compiled);
    mkdirSync(join(this.folder, "node_modules/@hyperswarm"));
    for (const name of BESIDE) symlinkSync(resolve("node_modules", name), join(this.folder, "node_modules", name));
    for (const name of BESIDE_ON_BARE) {
      symlinkSync(join(BARE_PACKAGES, name), join(this.folder, "node_modules", name));
    }
  }

  /** Copies a folder of programs, which find the client. @returns where they are */
  copy(from: string, name: string): string {
    const to = join(this.folder, name);
    cpSync(from, to, { recursive: true });
    symlinkSync(join(this.folder, "node_modules"), join(to, "node_modules"));
    return to;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** As any server of files would: the pages of this folder, on a port of loopback. It ends with the test. */
export async function serveFiles(root: string): Promise<number> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? "/", "http://localhost").pathname;
    const file = path === "/" ? "/index.html" : path;
    try {
      const body = readFileSync(join(root, file));
      response.setHeader("Content-Type", file.endsWith(".html") ? "text/html" : "text/javascript").end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((done) => {
    server.listen(0, "127.0.0.1", done);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
