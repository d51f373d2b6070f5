import { expect, it } from "vitest";
import { parseChallenges } from "../../client/node/proxies/challenges.ts";

const challenge = (scheme: string, parameters = "") => ({ scheme, parameters });

it.each([
  [
    ["Negotiate", "NTLM"],
    [challenge("Negotiate"), challenge("NTLM")],
  ],
  [["Negotiate, NTLM"], [challenge("Negotiate"), challenge("NTLM")]],
  [["NTLM TlRMTVNTUAAC=="], [challenge("NTLM", "TlRMTVNTUAAC==")]],
  [
    ['Basic realm="a, b", charset="UTF-8", NTLM'],
    [challenge("Basic", 'realm="a, b", charset="UTF-8"'), challenge("NTLM")],
  ],
  [['Basic realm="say \\"hi, there\\""'], [challenge("Basic", 'realm="say \\"hi, there\\""')]],
  [["Digest realm = x , nonce=y"], [challenge("Digest", "realm = x, nonce=y")]],
  [[", ,"], []],
  [["realm=x"], []],
  [[], []],
])("reads %j", (fields, challenges) => {
  expect(parseChallenges(fields)).toEqual(challenges);
});

it("reads no more than sixteen, and takes no longer for quotes that never end", () => {
  expect(parseChallenges([Array(1000).fill("NTLM").join(",")])).toHaveLength(16);

  const startMs = performance.now();
  parseChallenges([`Basic "${'\\"'.repeat(30_000)}`, '"'.repeat(60_001)]);
  expect(performance.now() - startMs).toBeLessThan(1000);
});
