import { expect, it } from "vitest";
import { parseJoin } from "../../client/cli/join-request.ts";

const FINGERPRINT = Array(32).fill("AB").join(":");
const DEFAULTS = {
  relays: ["wss://relay.example.com"],
  topic: "t",
  secretFile: undefined,
  keyFile: undefined,
  allow: [],
  isPlain: false,
  peerId: undefined,
  name: undefined,
  fingerprint: undefined,
  caFile: undefined,
  proxy: undefined,
  tokenFile: undefined,
  isJson: false,
  isStaying: false,
  timeoutMs: 30_000,
};

it("wants an address and a topic, and no more", () => {
  expect(parseJoin(["wss://relay.example.com", "t"])).toEqual(DEFAULTS);
});

it("takes an address alone, where a secret names the topic", () => {
  expect(parseJoin(["wss://localhost", "--secret-file", "secret"])).toEqual({
    ...DEFAULTS,
    relays: ["wss://localhost"],
    topic: undefined,
    secretFile: "secret",
  });
});

it("takes options before, between and behind them", () => {
  const given = "--plain wss://relay.example.com --peer-id me t --json --stay --timeout 2.5 --ca-file ca.pem";
  const files = ["--token-file", "token", "--fingerprint", `sha256 Fingerprint=${FINGERPRINT.toLowerCase()}`];

  expect(parseJoin([...given.split(" "), ...files])).toEqual({
    ...DEFAULTS,
    isPlain: true,
    peerId: "me",
    isJson: true,
    isStaying: true,
    timeoutMs: 2500,
    caFile: "ca.pem",
    tokenFile: "token",
    fingerprint: FINGERPRINT,
  });
});

it("takes further relays behind --relay, and checks each", () => {
  const words = ["wss://relay.example.com", "t", "--relay", "wss://b.example.com", "--relay", "wss://c.example.com"];

  expect(parseJoin(words)).toEqual({
    ...DEFAULTS,
    relays: ["wss://relay.example.com", "wss://b.example.com", "wss://c.example.com"],
  });
  expect(parseJoin([...words, "--relay", "d.example.com"])).toEqual({ problem: expect.stringContaining("wss://") });
});

it("takes a topic that begins like an option, behind two dashes", () => {
  expect(parseJoin(["--", "ws://localhost:8080", "--json"])).toMatchObject({ topic: "--json", isJson: false });
});

it.each([["--help"], ["-h"]])("gives help for %s, whatever else is there", (flag) => {
  expect(parseJoin([flag, "nonsense"])).toBe("help");
});

it.each([
  [[], /Give the address of a relay/],
  [["wss://localhost", "t", "u"], /Give the address of a relay/],
  [["https://localhost", "t"], /begins with wss:\/\/ or ws:\/\//],
  [["localhost", "t"], /begins with wss:\/\/ or ws:\/\//],
  [["wss://localhost", ""], /A topic is a string of 1 to 256 bytes/],
  [["wss://localhost", "t".repeat(257)], /A topic is a string of 1 to 256 bytes/],
  [["wss://localhost", "t", "--fingerprint", "AB"], /64 hex digits/],
  [["wss://localhost", "t", "--plain", "--secret-file", "secret"], /a plain topic is not sealed/],
  [["wss://localhost", "t", "--name", " "], /--name: 1 to 744 bytes/],
  [["wss://localhost", "t", "--plain", "--name", "me"], /a plain topic has no presence/],
  [["wss://localhost", "t", "--peer-id", "me"], /goes with --plain/],
  [["wss://localhost", "t", "--plain", "--peer-id", ""], /A peerId is a string of 1 to/],
  [["wss://localhost", "t", "--timeout", "0.9"], /seconds from 1 to 3600/],
  [["wss://localhost", "t", "--timeout", "3601"], /seconds from 1 to 3600/],
  [["wss://localhost", "t", "--timeout", "soon"], /seconds from 1 to 3600/],
  [["wss://localhost", "t", "--timeout"], /--timeout/],
  [["wss://localhost", "t", "--bogus"], /--bogus/],
  [["wss://localhost", "t", "--json=yes"], /--json/],
])("says what is wrong with %j", (args, problem) => {
  expect(parseJoin(args)).toEqual({ problem: expect.stringMatching(problem) });
});
