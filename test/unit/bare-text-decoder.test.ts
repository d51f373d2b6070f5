import { TextDecoder as NodeDecoder } from "node:util";
import { expect, it } from "vitest";
import { strictTextDecoder } from "../../client/bare/strict-text-decoder.ts";

/** As bare-encoding's: no options but `stream`, and no byte order mark is taken off. */
class Lenient {
  readonly #decoder: NodeDecoder;

  constructor(label = "utf-8") {
    this.#decoder = new NodeDecoder(label, { ignoreBOM: true });
  }

  decode(bytes?: ArrayBufferView | ArrayBuffer, options: { readonly stream?: boolean } = {}): string {
    return this.#decoder.decode(bytes as Uint8Array<ArrayBuffer>, options);
  }
}

const TextDecoder = strictTextDecoder(Lenient) as unknown as typeof NodeDecoder;
const MARKED = Uint8Array.of(0xef, 0xbb, 0xbf, 0x61);
const BROKEN = Uint8Array.of(0x61, 0xc3, 0x28);

it("takes the byte order mark off, once, unless it is told otherwise", () => {
  expect(new TextDecoder().decode(MARKED)).toBe("a");
  expect(new TextDecoder().decode(Uint8Array.of(...MARKED, ...MARKED))).toBe("a\uFEFFa");
  expect(new TextDecoder("utf-8", { ignoreBOM: true }).decode(MARKED)).toBe("\uFEFFa");
});

it("refuses what is not UTF-8 where it is to, and takes a U+FFFD that was sent", () => {
  const strict = new TextDecoder("utf-8", { fatal: true });

  expect(() => strict.decode(BROKEN)).toThrow(TypeError);
  expect(strict.decode(Buffer.from("\uFFFDé"))).toBe("\uFFFDé");
  expect(new TextDecoder().decode(BROKEN)).toBe("a\uFFFD(");
  expect(strict.decode()).toBe("");
});

it("decodes in pieces, and begins anew behind the last", () => {
  const decoder = new TextDecoder();
  const text = [
    decoder.decode(MARKED.subarray(0, 2), { stream: true }),
    decoder.decode(MARKED.subarray(2), { stream: true }),
    decoder.decode(MARKED),
    decoder.decode(MARKED),
  ];

  expect(text).toEqual(["", "a", "\uFEFFa", "a"]);
});
