import fc from "fast-check";
import { expect, it } from "vitest";
import { toTerminalJson, toTerminalText } from "../../client/cli/terminal-text.ts";

/** What a terminal acts on, turns around, or does not show, by number: so that no pattern is compared with itself. */
function isHarmful(point: number): boolean {
  return (
    point < 0x20 ||
    (point >= 0x7f && point <= 0x9f) ||
    [0xad, 0x34f, 0x61c, 0x180e, 0x2028, 0x2029, 0x3164, 0xfeff, 0xffa0].includes(point) ||
    (point >= 0x200b && point <= 0x200f) ||
    (point >= 0x202a && point <= 0x202e) ||
    (point >= 0x2060 && point <= 0x206f) ||
    (point >= 0xd800 && point <= 0xdfff) ||
    (point >= 0xfe00 && point <= 0xfe0f) ||
    (point >= 0xe0000 && point <= 0xe0fff)
  );
}

it("lets nothing harmful through, of all characters that there are", () => {
  const passed = Array.from({ length: 0x11_0000 }, (_, point) => point).filter(
    (point) => isHarmful(point) && toTerminalText(String.fromCodePoint(point)).codePointAt(0) === point,
  );

  expect(passed).toEqual([]);
});

it("lets everything else through as it is", () => {
  const text = "Grüße, 世界! \u{1f600} ❤ שלום مرحبا e\u0301 ~`|<>\"'\\ \u00a0";

  expect(toTerminalText(text)).toBe(text);
});

it.each([
  [
    "ends of lines, so that nobody begins a line of his own",
    "hello\r\n* bob left\nand\u2028more",
    "hello * bob left and more",
  ],
  ["escape sequences", "\u001b[2J\u001b]0;title\u0007", "\uFFFD[2J\uFFFD]0;title\uFFFD"],
  ["C1 controls, which some terminals take for escape sequences", "\u009b2J", "\uFFFD2J"],
  ["a change of direction", "\u202egpj.exe", "\uFFFDgpj.exe"],
  ["a name with what is not seen", "al\u200bice\u2063", "al\uFFFDice\uFFFD"],
  ["a half of a surrogate pair", "a\ud83d", "a\uFFFD"],
  ["the style of an emoji, which the emoji does not need", "❤\ufe0f", "❤"],
  ["the same behind a letter", "a\ufe0f", "a\uFFFD"],
])("shows that something was there: %s", (_, text, shown) => {
  expect(toTerminalText(text)).toBe(shown);
});

it("writes JSON that is the same value, and harmless in a terminal", () => {
  const points = fc.oneof(
    fc.nat({ max: 0x10ffff }),
    fc.constantFrom(0, 0x7f, 0x9b, 0xad, 0x200b, 0x202e, 0x2028, 0xe0041),
  );
  fc.assert(
    fc.property(fc.string({ unit: points.map((point) => String.fromCodePoint(point)) }), (text) => {
      const json = toTerminalJson({ text, "\u202e": ["\u{e0041}"] });

      expect(JSON.parse(json)).toEqual({ text, "\u202e": ["\u{e0041}"] });
      expect(Array.from(json).filter((character) => isHarmful(character.codePointAt(0) ?? 0))).toEqual([]);
    }),
  );
});
