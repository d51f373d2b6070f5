import { expect, it } from "vitest";
import { SignsOfLife } from "../../relay/websocket/signs-of-life.ts";

it("takes bytes that came in since it was last asked for a sign, and nothing for none", () => {
  const signs = new SignsOfLife();

  const asked = [0, 0, 5, 5, 5, 6].map((bytesRead) => signs.ask(bytesRead));

  expect(asked).toEqual([true, false, true, false, false, true]);
});

it("takes a write that had to wait for the peer for a sign, and none that the kernel took at once", () => {
  const signs = new SignsOfLife();
  signs.ask(0);
  const after = (durationMs: number) => {
    signs.writing(1000);
    signs.written(1000 + durationMs);
    return signs.ask(0);
  };

  expect([after(0), after(99), after(100), after(0)]).toEqual([false, false, true, false]);
  expect(signs.ask(0)).toBe(false);
});
