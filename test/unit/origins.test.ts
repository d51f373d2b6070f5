import { describe, expect, it } from "vitest";
import { loadConfig } from "../../relay/config/load.ts";
import { AllowedOrigins } from "../../relay/entrance/allowed-origins.ts";

const listed = (text: string) => loadConfig({ env: { ALLOWED_ORIGINS: text }, flags: {} }).config.allowedOrigins;
const allowed = (text: string) => new AllowedOrigins(listed(text));

it("takes origins as browsers write them, in any capitals", () => {
  expect(listed("https://App.example.com,http://localhost:8080")).toEqual([
    "https://app.example.com",
    "http://localhost:8080",
  ]);
});

it.each([
  "capacitor://localhost",
  "ionic://localhost",
  "tauri://localhost",
  "app://obsidian.md",
  "app://.",
  "file://",
  "chrome-extension://mdplmiioglkpgkgblfdilgebpppgdlma",
  "moz-extension://8f14e45f-ceea-467f-a0e6-1b1d2c3a4b5c",
  "http://[::1]:3000",
  "https://xn--bcher-kva.example",
  "null",
])("lets in %s where it is listed, beside a site, and no other", (origin) => {
  const origins = allowed(`https://app.example.com,${origin}`);

  expect(origins.has(origin)).toBe(true);
  expect(origins.has("https://app.example.com")).toBe(true);
  expect(origins.has(`${origin}x`)).toBe(false);
  expect(origins.has("https://evil.example")).toBe(false);
});

it("takes everybody where nothing is listed, and whoever sends no origin", () => {
  expect(new AllowedOrigins([]).has("https://anything.example")).toBe(true);
  expect(allowed("https://app.example.com").has(undefined)).toBe(true);
});

describe("https://*.example.com", () => {
  const origins = allowed("https://*.example.com");

  it.each(["https://app.example.com", "https://a.b.example.com", "https://APP.Example.com"])("lets in %s", (origin) => {
    expect(origins.has(origin)).toBe(true);
  });

  it.each([
    "https://example.com",
    "https://.example.com",
    "https://evilexample.com",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com.evil.example",
    "https://evil.example/.example.com",
    "https://evil.example?.example.com",
    "https://evil.example https://app.example.com",
    "null",
    "",
  ])("does not let in %j", (origin) => {
    expect(origins.has(origin)).toBe(false);
  });
});

it("holds a wildcard to its port, and takes every extension of a scheme where one is asked for", () => {
  const origins = allowed("https://*.example.com:8443,moz-extension://*");

  expect(origins.has("https://a.example.com:8443")).toBe(true);
  expect(origins.has("https://a.example.com")).toBe(false);
  expect(origins.has("moz-extension://8f14e45f-ceea-467f-a0e6-1b1d2c3a4b5c")).toBe(true);
  expect(origins.has("chrome-extension://mdplmiioglkpgkgblfdilgebpppgdlma")).toBe(false);
});

it.each([
  ["app.example.com", "it needs the scheme too, such as https://"],
  ["localhost:3000", "it needs the scheme too, such as https://"],
  ["https://app.example.com/", "an origin has no path: write https://app.example.com"],
  ["https://app.example.com?x", "an origin has no path: write https://app.example.com"],
  ["https://app.example.com:443", "browsers write it https://app.example.com"],
  ["https://*.example.com:443", "browsers write it https://*.example.com"],
  ["https://b\u00fccher.example", "browsers write it https://xn--bcher-kva.example"],
  ["wss://app.example.com", "it is that of the page: write http or https"],
  ["*", "leave the option out to take all"],
  ["https://*", "leave the option out to take all"],
  ["https://app.*.com", "* stands for whole names before the first dot"],
  ["https://app-*.example.com", "* stands for whole names before the first dot"],
  ["https://*.192.0.2.1", "this is no host"],
  ["http://localhost:*", "* stands for whole names before the first dot"],
  ["https://", "this is no host"],
  ["https://u@a.example", "an origin has no user in it"],
  ["app://a b", "its host has characters that no origin has"],
])("refuses ALLOWED_ORIGINS=%s, which no browser sends, and says why", (text, why) => {
  expect(() => listed(`https://good.example,${text}`)).toThrow(`${JSON.stringify(text)}: ${why}`);
});
