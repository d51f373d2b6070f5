import { expect, it } from "vitest";
import { ANY_REASON, ReadingGate, Reason } from "../../relay/websocket/reading-gate.ts";

function scene() {
  const did: string[] = [];
  const gate = new ReadingGate({
    stopReading: () => void did.push("stop"),
    goOnReading: () => void did.push("go on"),
  });
  return { gate, did };
}

const turn = () =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

it("stops once, whatever the number of reasons, and goes on when the last is gone, in a later turn", async () => {
  const { gate, did } = scene();

  gate.shut(Reason.congestion);
  gate.shut(Reason.rate);
  gate.shut(Reason.congestion);
  gate.open(Reason.congestion);
  await turn();
  const whileOneIsLeft = [...did];
  gate.open(Reason.rate);
  const withinTheCall = [...did];
  await turn();

  expect([whileOneIsLeft, withinTheCall]).toEqual([["stop"], ["stop"]]);
  expect(did).toEqual(["stop", "go on"]);
  expect(gate.isOpen).toBe(true);
});

it("does not go on when it was shut again meanwhile", async () => {
  const { gate, did } = scene();
  gate.shut(Reason.held);

  gate.open(Reason.held);
  gate.shut(Reason.rate);
  await turn();

  expect(did).toEqual(["stop", "stop"]);
  expect([gate.isOpen, gate.isShutFor(Reason.rate), gate.isShutFor(Reason.held)]).toEqual([false, true, false]);
});

it("takes back all reasons at once, and nothing where there is none", async () => {
  const { gate, did } = scene();
  gate.open(ANY_REASON);
  await turn();
  const whileOpen = [...did];

  gate.shut(Reason.congestion);
  gate.shut(Reason.held);
  gate.open(ANY_REASON);
  await turn();

  expect(whileOpen).toEqual([]);
  expect(did).toEqual(["stop", "go on"]);
});

it("remembers that it was shut until it is asked, and says so as long as it is", () => {
  const { gate } = scene();
  const never = gate.wasShut();

  gate.shut(Reason.rate);
  const whileShut = [gate.wasShut(), gate.wasShut()];
  gate.open(Reason.rate);

  expect([never, whileShut]).toEqual([false, [true, true]]);
  expect([gate.wasShut(), gate.wasShut()]).toEqual([true, false]);
});
