import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import type { Config } from "../../relay/config/options.ts";
import { freePort } from "../../scripts/loopback/free-port.ts";
import { BrowserPage } from "../support/browser.ts";
import { startRelay } from "../support/relay.ts";
import { itInBrowser, itWithCoturn } from "../support/requires.ts";

const run = promisify(execFile);

/** What a browser waits before it asks a second time. */
const CHROMIUM_RETRY_MS = 250;

type Gathered = { readonly candidates: readonly string[]; readonly firstMs: number };

async function startStun(host = "127.0.0.1", options: Partial<Config> = {}): Promise<number> {
  const stunPort = await freePort();
  await startRelay({ host, stunPort, tls: "off", ...options });
  return stunPort;
}

it.each(["127.0.0.1", "::1"])(
  "tells a program of Python's standard library its address and port: %s",
  async (address) => {
    const port = await startStun(address);

    const { stdout } = await run("python3", ["test/clients/programs/python/stun_program.py", address, String(port)]);

    const [seenAddress, seenPort, ownPort] = stdout.trim().split(" ");
    expect(seenAddress).toBe(address);
    expect(seenPort).toBe(ownPort);
  },
);

itWithCoturn()("tells coturn's client its address and port", async () => {
  const port = await startStun();

  const { stdout } = await run("turnutils_stunclient", ["-p", String(port), "127.0.0.1"]);

  expect(stdout).toMatch(/UDP reflexive addr: 127\.0\.0\.1:\d+/);
});

itWithCoturn()("tells coturn's discovery of a NAT's behaviour that there is no NAT", async () => {
  const stunOtherPort = await freePort();
  const port = await startStun("127.0.0.1", { stunAddresses: ["127.0.0.1", "127.0.0.2"], stunOtherPort });

  const { stdout } = await run("turnutils_natdiscovery", ["-m", "-f", "-p", String(port), "127.0.0.1"]);

  expect(stdout).toContain(`Other addr: : 127.0.0.2:${stunOtherPort}`);
  expect(stdout).toMatch(/NAT with Endpoint Independent Mapping|No NAT detected/);
  expect(stdout).toMatch(/NAT with Endpoint Independent Filtering/);
});

itWithCoturn()("tells coturn's discovery that it has one address alone", async () => {
  const port = await startStun();

  const { stdout } = await run("turnutils_natdiscovery", ["-f", "-p", String(port), "127.0.0.1"]);

  expect(stdout).not.toContain("Other addr");
});

itInBrowser()("gives Chromium the candidate of its public address before it would ask again", async () => {
  const port = await startStun();
  // A page has no other way to be on the same machine as its STUN server.
  const page = await BrowserPage.open({ flags: ["--allow-loopback-in-peer-connection"] });
  const relay = await startRelay({ tls: "off" });
  await page.goTo(`${relay.url.replace("ws", "http")}/health`);

  const { candidates, firstMs } = (await page.evaluate(`new Promise((resolve) => {
    const connection = new RTCPeerConnection({ iceServers: [{ urls: "stun:127.0.0.1:${port}" }] });
    const candidates = [];
    let beganMs, firstMs;
    connection.onicecandidate = ({ candidate }) => {
      if (candidate === null) return;
      candidates.push(candidate.candidate);
      if (candidate.type === "srflx") firstMs ??= performance.now() - beganMs;
    };
    connection.onicegatheringstatechange = () => {
      if (connection.iceGatheringState !== "complete") return;
      resolve({ candidates, firstMs });
    };
    connection.createDataChannel("any");
    connection.createOffer().then((offer) => {
      beganMs = performance.now();
      return connection.setLocalDescription(offer);
    });
  })`)) as Gathered;

  expect(candidates).toContainEqual(expect.stringMatching(/ 127\.0\.0\.1 \d+ typ srflx /));
  expect(firstMs).toBeLessThan(CHROMIUM_RETRY_MS);
});
