import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { readHead } from "../../client/delivery/frame.ts";
import { NodeCryptography } from "../../client/node/node-cryptography.ts";
import type { Cryptography } from "../../client/sealing/cryptography.ts";
import { deriveTopic } from "../../client/sealing/derivation.ts";
import { ConnectionKeys } from "../../client/sealing/frame-seal.ts";
import { WebCryptography } from "../../client/sealing/web-cryptography.ts";
import { identityVectors } from "../../scripts/sealing-vectors/identity.ts";
import { sealingVectors } from "../../scripts/sealing-vectors/values.ts";

type Vectors = {
  readonly secret: string;
  readonly topics: readonly { readonly name: string; readonly topicId: string }[];
  readonly from: string;
  readonly frames: readonly {
    readonly description: string;
    readonly to: string | null;
    readonly frame: string;
    readonly sealed: string;
  }[];
};

const file: Vectors = JSON.parse(readFileSync("protocol/vectors/sealing.json", "utf8"));

it("gives the vectors that are published, byte for byte: `npm run vectors` after a change that is meant", async () => {
  expect(await sealingVectors()).toEqual(file);
  expect(await identityVectors()).toEqual(JSON.parse(readFileSync("protocol/vectors/identity.json", "utf8")));
});

it.each([
  ["node:crypto", new NodeCryptography()],
  ["WebCrypto", new WebCryptography()],
] as [string, Cryptography][])("seals and opens them by %s", async (_name, cryptography) => {
  const secret = Buffer.from(file.secret, "hex");
  for (const { name, topicId } of file.topics) {
    expect((await deriveTopic(cryptography, { secret, name })).topicId).toBe(topicId);
  }
  const { group } = await deriveTopic(cryptography, { secret });
  const keys = new ConnectionKeys(cryptography, group, file.from);
  for (const { to, frame, sealed, description } of file.frames) {
    const [bytes, sealedBytes] = [Buffer.from(frame, "hex"), Buffer.from(sealed, "hex")];
    const head = readHead(bytes);
    const receiver = to === null ? undefined : { sid: to.split(".")[0] ?? "", nameBytes: new TextEncoder().encode(to) };
    if (head === undefined) throw new Error("no frame");
    expect(Buffer.from(await keys.seal(bytes, head, receiver)).toString("hex"), description).toBe(sealed);
    expect(Buffer.from((await keys.open(sealedBytes, head, receiver)) ?? []).toString("hex"), description).toBe(frame);
    expect(await keys.open(sealedBytes.subarray(0, -1), head, receiver), description).toBeUndefined();
    const changed = sealedBytes.with(sealedBytes.length - 1, 1 ^ (sealedBytes.at(-1) ?? 0));
    expect(await keys.open(changed, head, receiver), description).toBeUndefined();
    expect(await keys.open(sealedBytes.subarray(0, head.clearBytes), head, receiver)).toBeUndefined();
  }
});
