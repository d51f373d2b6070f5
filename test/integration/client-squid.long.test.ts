import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { failureOf, outcomeOf } from "../support/node-dial.ts";
import { startRelay } from "../support/relay.ts";
import { itWithCommands } from "../support/requires.ts";
import { folderForSquid, Squid } from "../support/squid.ts";

const inSquid = itWithCommands("squid");
const NCSA_HELPER = "/usr/lib/squid/basic_ncsa_auth";

inSquid("goes by Squid, which lets it to the relay's port and to no other", async () => {
  const relay = await startRelay();
  const other = await startRelay();
  const { url: proxy } = await Squid.start([
    `acl relay port ${relay.port}`,
    "http_access allow CONNECT relay",
    "http_access deny all",
  ]);
  const tls = { ca: relay.certificate };

  expect(await outcomeOf(relay.url, { tls, proxy })).toMatchObject({ proxy: { url: proxy } });
  expect(await failureOf(other.url, { tls, proxy })).toMatchObject({
    refusal: { code: "proxy-refused", status: 403, passes: false },
  });
});

inSquid("signs in at Squid with user and password, from the URL and by the hook on the same connection", async () => {
  const relay = await startRelay();
  const folder = folderForSquid();
  const hash = execFileSync("openssl", ["passwd", "-apr1", "p:w%"]).toString().trim();
  writeFileSync(join(folder, "users"), `me:${hash}\n`);
  expect(existsSync(NCSA_HELPER)).toBe(true);
  const { port, url } = await Squid.start(
    [
      `auth_param basic program ${NCSA_HELPER} ${join(folder, "users")}`,
      "auth_param basic realm test",
      "acl known proxy_auth REQUIRED",
      "http_access allow CONNECT known",
      "http_access deny all",
    ],
    folder,
  );
  const tls = { ca: relay.certificate };
  const asked: number[] = [];
  const onProxyAuth = ({ round }: { readonly round: number }): string => {
    asked.push(round);
    return `Basic ${Buffer.from("me:p:w%").toString("base64")}`;
  };

  expect(await outcomeOf(relay.url, { tls, proxy: `http://me:p%3Aw%25@127.0.0.1:${port}` })).toMatchObject({
    proxy: { url },
  });
  expect(await outcomeOf(relay.url, { tls, proxy: { url, onProxyAuth } })).toMatchObject({ proxy: { url } });
  expect(asked).toEqual([1]);
  expect(await failureOf(relay.url, { tls, proxy: `http://me:wrong@127.0.0.1:${port}` })).toMatchObject({
    refusal: { code: "proxy-auth-required", status: 407 },
    cause: { schemes: ["Basic"] },
  });
});

inSquid("tells a relay that Squid cannot reach from a proxy that says no", async () => {
  const { url: proxy } = await Squid.start(["http_access allow all", "connect_timeout 2 seconds"]);

  expect(await failureOf("wss://127.0.0.1:1", { proxy })).toMatchObject({
    refusal: { code: "proxy-refused", status: 503, passes: true },
  });
});
