import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { BrowserPage } from "../support/browser.ts";
import { LineProcess } from "../support/line-process.ts";
import { sharedCertificate } from "../support/shared-certificate.ts";
import { writeTemporary } from "../support/tokens.ts";
import { ClientProgram } from "./client-program.ts";
import type { ClientRow, Part } from "./rows.ts";

const HERE = import.meta.dirname;
export const CLIENTS_FOLDER: string = process.env["POSTERN_CLIENTS"] ?? join(homedir(), ".cache/postern-clients");
const PAGE = '<!doctype html><title>client</title><script type="module" src="/page.js"></script>';

/** Whether install.sh has installed this part as this folder wants it. */
export function isInstalled(part: Exclude<Part, "chromium">): boolean {
  try {
    execFileSync(join(HERE, "install.sh"), ["--has", part], {
      env: { ...process.env, POSTERN_CLIENTS: CLIENTS_FOLDER },
    });
    return true;
  } catch {
    return false;
  }
}

/** Starts the program of a row. It ends with the test, and trusts the certificate that tests share. */
export async function startClient(row: ClientRow): Promise<ClientProgram> {
  return row.part === "chromium" ? startPage() : startProcess(row.command);
}

function startProcess(words: readonly string[]): ClientProgram {
  const certificate = writeTemporary("certificate.pem", sharedCertificate().certificate);
  const env = [
    `CA_FILE=${certificate}`,
    `NODE_EXTRA_CA_CERTS=${certificate}`,
    `DENO_CERT=${certificate}`,
    `POSTERN_CLIENTS=${CLIENTS_FOLDER}`,
    "DENO_NO_UPDATE_CHECK=1",
    "PYTHONDONTWRITEBYTECODE=1",
  ];
  const command = words.map((word) => word.replace(/^~/, CLIENTS_FOLDER).replace(/^programs/, join(HERE, "programs")));
  return new ClientProgram((onLine) => {
    const running = new LineProcess(["env", ...env, ...command], onLine);
    return (line) => running.write(line);
  });
}

/** A page of a server of its own: a page of the relay may dial nobody. */
async function startPage(): Promise<ClientProgram> {
  const server = createServer((request, response) => {
    const name = request.url ?? "";
    response.setHeader("Content-Type", name.endsWith(".js") ? "text/javascript" : "text/html");
    response.end(name.endsWith(".js") ? readFileSync(join(HERE, "programs/javascript", name)) : PAGE);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const page = await BrowserPage.open();
  await page.goTo(`http://localhost:${port}/`);
  return new ClientProgram((onLine) => {
    void readLines(page, onLine);
    return (line) => void page.evaluate(`take(${JSON.stringify(line)})`);
  });
}

async function readLines(page: BrowserPage, onLine: (line: string) => void): Promise<void> {
  for (;;) for (const line of (await page.evaluate("nextLines()")) as string[]) onLine(line);
}
