import fc from "fast-check";
import { PosternError } from "../../client/errors.ts";
import { type LaneEnd, LaneNetwork } from "./lane-network.ts";
import { StreamSide, streamsOver } from "./stream-end.ts";

const end = fc.nat(1);
const which = { stream: fc.nat(5), isOpener: fc.boolean() };
const size = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 3000 }) },
  { weight: 2, arbitrary: fc.integer({ min: 30_000, max: 70_000 }) },
  { weight: 1, arbitrary: fc.integer({ min: 200_000, max: 1_400_000 }) },
);

/** What may happen, in any order. */
export type StreamStep =
  | { do: "open"; end: number }
  | { do: "write"; stream: number; isOpener: boolean; size: number }
  | { do: "close" | "abort" | "cancel" | "selfSeal"; stream: number; isOpener: boolean }
  | { do: "read"; stream: number; isOpener: boolean; isReading: boolean }
  | { do: "cut"; end: number; downMs: number }
  | { do: "lose" | "double"; count: number }
  | { do: "block"; end: number; isWritable: boolean }
  | { do: "congest"; end: number; isCongested: boolean }
  | { do: "pass"; durationMs: number };

const constant = <const Word extends string>(word: Word): fc.Arbitrary<Word> => fc.constant(word);

const step: fc.Arbitrary<StreamStep> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: constant("open"), end }) },
  { weight: 12, arbitrary: fc.record({ do: constant("write"), ...which, size }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom("close" as const, "selfSeal" as const), ...which }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("abort" as const, "cancel" as const), ...which }) },
  { weight: 6, arbitrary: fc.record({ do: constant("read"), ...which, isReading: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: constant("cut"), end, downMs: fc.constantFrom(1, 15, 500, 5000, 12_000) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom("lose" as const, "double" as const),
      count: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: constant("block"), end, isWritable: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ do: constant("congest"), end, isCongested: fc.boolean() }) },
  { weight: 10, arbitrary: fc.record({ do: constant("pass"), durationMs: fc.constantFrom(1, 5, 12, 30, 400, 2000) }) },
);

/** Both ends of what was opened. A peer that has gone and is back may be offered it a second time. */
type Opened = { readonly openerEnd: number; opener?: StreamSide; other?: StreamSide; code?: string };

/** All that was opened between two ends, and what their apps do with it. */
class StreamWorld {
  readonly network: LaneNetwork;
  readonly opened: Opened[] = [];
  /** A peer may have been given up: what is lost then is told. */
  #mayBeGone = false;
  readonly #streams;

  constructor(network: LaneNetwork) {
    this.network = network;
    this.#streams = network.ends.map((each) => {
      const streams = streamsOver(each.lanes);
      streams.onStream((incoming) => {
        const known = this.opened[Number(incoming.label)];
        if (known === undefined) network.broken.push("a stream that nobody has opened");
        else known.other = new StreamSide(incoming, Number(incoming.label));
      });
      return streams;
    });
  }

  async apply(it: StreamStep): Promise<void> {
    if (it.do === "open") this.#open(it.end % 2);
    else if (it.do === "cut") {
      if (it.downMs > 7000) this.#mayBeGone = true;
      // Two absences may overlap, each counted from the end of the other.
      this.network.cut(this.network.end(it.end), it.downMs);
    } else if ("count" in it) this.network[it.do] += it.count;
    else if (it.do === "block") this.#block(this.network.end(it.end), it.isWritable);
    else if (it.do === "congest") this.#congest(it.end, it.isCongested);
    else if (it.do === "pass") await this.pass(it.durationMs);
    else this.#act(it);
    await manyTurns();
  }

  /** Lets time pass in small steps, so that apps run in between. */
  async pass(durationMs: number): Promise<void> {
    for (let passedMs = 0; passedMs < durationMs; ) {
      const stepMs = Math.min(durationMs - passedMs, passedMs < 100 ? 5 : passedMs < 1000 ? 50 : 250);
      this.network.clock.advance(stepMs);
      passedMs += stepMs;
      await manyTurns();
    }
  }

  /** From here on nothing is in the way, and everybody reads and ends. */
  async heal(): Promise<void> {
    this.network.lose = 0;
    this.network.double = 0;
    for (const [index, each] of this.network.ends.entries()) {
      this.#block(each, true);
      this.#congest(index, false);
    }
    for (let round = 0; round < 50 && !(await this.#isQuiet()); round += 1) await this.pass(1000);
  }

  faults(when: "now" | "at the end"): string[] {
    const faults = [...this.network.broken];
    for (const { faults: told } of this.network.ends) faults.push(...told.filter((fault) => !fault.endsWith("flood")));
    for (const [label, each] of this.opened.entries()) {
      for (const fault of this.#faultsOf(each, when)) faults.push(`stream ${label}: ${fault}`);
    }
    return faults;
  }

  #open(openerEnd: number): void {
    if (this.opened.length >= 6) return;
    const opened: Opened = { openerEnd };
    const label = this.opened.push(opened) - 1;
    const other = this.network.end(openerEnd + 1);
    this.#streams[openerEnd]?.open(other.sid, String(label)).then(
      (stream) => (opened.opener = new StreamSide(stream, label)),
      (error: unknown) => (opened.code = error instanceof PosternError ? error.code : String(error)),
    );
  }

  #act(it: Extract<StreamStep, { readonly stream: number }>): void {
    const opened = this.opened[it.stream % Math.max(1, this.opened.length)];
    const side = it.isOpener ? opened?.opener : opened?.other;
    if (side === undefined) return;
    if (it.do === "write") side.write(it.size);
    else if (it.do === "read") side.read(it.isReading);
    else side[it.do]();
  }

  #block(at: LaneEnd, isWritable: boolean): void {
    at.isWritable = isWritable;
    if (isWritable) at.lanes.writable();
  }

  #congest(index: number, isCongested: boolean): void {
    this.network.end(index).lanes.congestion(this.network.end(index + 1).sid, isCongested);
  }

  async #isQuiet(): Promise<boolean> {
    const sides = this.opened.flatMap(({ opener, other }) => [opener ?? [], other ?? []].flat());
    for (const side of sides) {
      side.close();
      side.read(true);
    }
    await manyTurns();
    const areOpen = this.opened.every(({ opener, code }) => opener !== undefined || code !== undefined);
    return areOpen && sides.every(({ closed }) => closed !== "waits");
  }

  #faultsOf({ opener, other, code }: Opened, when: "now" | "at the end"): string[] {
    const faults: string[] = [];
    if (code !== undefined && !(this.#mayBeGone && (code === "peer-gone" || code === "timed-out")))
      faults.push(`open: ${code}`);
    if (opener === undefined) {
      if (when === "at the end" && code === undefined) faults.push("waits for ever to be opened");
      return faults;
    }
    if (other === undefined) return ["opened by nobody"];
    const isAborted = [opener, other].some((side) => side.hasAborted || side.hasCancelled);
    for (const [name, side, from] of [
      ["opener", opener, other],
      ["other", other, opener],
    ] as const) {
      for (const fault of directionFaults(side, from, when)) faults.push(`${name}: ${fault}`);
      for (const failure of side.codes) {
        const isAllowed = failure === "stream-aborted" ? isAborted : failure === "peer-gone" && this.#mayBeGone;
        if (!isAllowed) faults.push(`${name} failed: ${failure}`);
      }
      if (when === "at the end" && side.closed === "waits") faults.push(`${name} is never closed`);
    }
    return faults;
  }
}

/** What is wrong with what `side` has read of `from`. */
function directionFaults(side: StreamSide, from: StreamSide, when: "now" | "at the end"): string[] {
  const faults: string[] = side.wrong === undefined ? [] : [side.wrong];
  if (side.readBytes > from.writtenBytes) faults.push("more than was written");
  if (side.hasEnded && !from.hasClosed) faults.push("an end that nobody has written");
  if (side.hasEnded && side.readBytes !== from.writtenBytes) faults.push("an end before the last byte");
  const onTheWay = from.takenBytes - side.readBytes;
  if (onTheWay > maxOnTheWay(side)) faults.push(`${onTheWay} bytes were taken in advance`);
  const isWhole = !side.hasFailed && !from.hasFailed && !side.hasCancelled;
  if (when === "at the end" && isWhole && side.readBytes !== from.writtenBytes) faults.push("bytes are missing");
  if (when === "at the end" && isWhole && !(side.hasEnded && from.hasArrived)) faults.push("no end");
  return faults;
}

/** The window, and a piece that began within it. It grows by reading alone, and what is cancelled counts as read. */
function maxOnTheWay({ readBytes, hasCancelled }: StreamSide): number {
  if (hasCancelled) return Number.POSITIVE_INFINITY;
  const [firstWindow, largestWindow] = [1024 * 1024, 16 * 1024 * 1024];
  return (readBytes === 0 ? firstWindow : largestWindow) + 32 * 1024;
}

/** Promises of streams settle in several turns each. */
export async function manyTurns(): Promise<void> {
  for (let turn = 0; turn < 40; turn += 1) await Promise.resolve();
}

/**
 * Whatever is cut, lost, stalled, opened, written, read, ended and aborted: each direction gives the bytes that were written, each
 * once and in order, and its end behind the last of them; or it fails at both ends, where something was aborted or a peer has gone.
 */
export function streamsKeepTheirPromise(
  create: () => LaneNetwork = () => new LaneNetwork(["one", "other"]),
): fc.IAsyncPropertyWithHooks<[StreamStep[]]> {
  return fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
    const world = new StreamWorld(create());
    for (const each of [{ do: "open", end: 0 }, { do: "pass", durationMs: 50 }, ...steps] as const) {
      await world.apply(each);
      const faults = world.faults("now");
      if (faults.length > 0) throw new Error(faults.join("; "));
    }
    await world.heal();
    const faults = world.faults("at the end");
    if (faults.length > 0) throw new Error(faults.join("; "));
  });
}
