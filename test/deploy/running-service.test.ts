import { expect, it } from "vitest";
import { RunningService } from "../../scripts/service/running-service.ts";

/** What systemd says of a service that runs; started 1 s after the boot. */
const UP = {
  ActiveState: "active",
  Result: "success",
  InvocationID: "0a",
  ExecMainStartTimestampMonotonic: "1000000",
};
type Shown = Readonly<Record<string, string>>;

/** A service of which systemd says this, one look after the other, and of the last for good. The boot was at 0, now it is 10 s. */
function serviceOf(...shown: readonly Shown[]): { readonly service: RunningService; readonly pauses: () => number } {
  let pauseCount = 0;
  const pause = async () => void (pauseCount += 1);
  const show = (names: readonly string[]): string => {
    const now = shown[Math.min(pauseCount, shown.length - 1)] ?? {};
    return `${names.map((name) => `${name}=${now[name]}`).join("\n")}\n`;
  };
  const service = new RunningService({ show, pause, uptimeMs: () => 10_000, epochMs: () => 10_000 });
  return { service, pauses: () => pauseCount };
}

it("stays up where every look finds it up since the same start", async () => {
  const { service, pauses } = serviceOf(UP);

  await service.watch(5);

  expect(pauses()).toBe(5);
});

it.each<[string, Shown, RegExp]>([
  ["waits for its next attempt", { ...UP, ActiveState: "activating", Result: "exit-code" }, /activating, exit-code/],
  ["has given up", { ...UP, ActiveState: "failed", Result: "exit-code" }, /failed, exit-code/],
  ["is up again, since another start", { ...UP, InvocationID: "0b" }, /does not stay up/],
])("does not stay up where a later look finds that it %s", async (_, later, sentence) => {
  const { service, pauses } = serviceOf(UP, UP, later);

  await expect(service.watch(5)).rejects.toThrow(sentence);

  expect(pauses()).toBe(2);
});

it.each([
  ["active", false],
  ["activating", false],
  ["deactivating", false],
  ["inactive", true],
  ["failed", true],
  ["", true],
])("that is %s needs no stop: %s", (ActiveState, isStopped) => {
  expect(serviceOf({ ...UP, ActiveState }).service.isStopped).toBe(isStopped);
});

it("is outdated where what is installed has changed since its start, and not before", () => {
  const { service } = serviceOf(UP);

  expect([service.isOlderThan(1001), service.isOlderThan(999)]).toEqual([true, false]);
});
