import type { Call, CallOutcome } from "./sqlite-batch.ts";

/**
 * A batch on its way between the threads: one text, and one piece of memory with all the data, which changes hands. Otherwise V8 clones a
 * dozen values for each call, and a piece of memory for each message brings its collector on (bench M1).
 */
export type Packed = {
  /** JSON. Where data was is its length. */
  readonly text: string;
  /** All data, in the order of the lengths. */
  readonly bytes: Uint8Array<ArrayBuffer>;
};

type WithData = { readonly data: Uint8Array };

/** Copies what the calls hold. */
export function packCalls(calls: readonly Call[]): Packed {
  const pieces: Uint8Array[] = [];
  const packed = calls.map(({ method, given }) => ({
    method,
    given: "data" in given ? withLength(given, pieces) : given,
  }));
  return { text: JSON.stringify(packed), bytes: joined(pieces) };
}

/** The calls again; their data looks into the bytes. */
export function unpackCalls({ text, bytes }: Packed): readonly Call[] {
  const calls: readonly Call[] = JSON.parse(text);
  const rest = new Rest(bytes);
  for (const { given } of calls) rest.putInto(given);
  return calls;
}

/** The same for what came of them: lists of messages and records hold data. */
export function packOutcomes(outcomes: readonly CallOutcome[]): Packed {
  const pieces: Uint8Array[] = [];
  const packed = outcomes.map((outcome) =>
    outcome.isDone && Array.isArray(outcome.value)
      ? { isDone: true, value: outcome.value.map((item: WithData) => withLength(item, pieces)) }
      : outcome,
  );
  return { text: JSON.stringify(packed), bytes: joined(pieces) };
}

/** What came of the calls; their data looks into the bytes. */
export function unpackOutcomes<Value>({ text, bytes }: Packed): readonly CallOutcome<Value>[] {
  const outcomes: readonly CallOutcome<Value>[] = JSON.parse(text);
  const rest = new Rest(bytes);
  for (const outcome of outcomes) {
    if (outcome.isDone && Array.isArray(outcome.value)) for (const item of outcome.value) rest.putInto(item);
  }
  return outcomes;
}

function withLength<Item extends WithData>(
  item: Item,
  pieces: Uint8Array[],
): Omit<Item, "data"> & { readonly data: number } {
  pieces.push(item.data);
  return { ...item, data: item.data.length };
}

/** Memory of its own, that it can be given away. */
function joined(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/** What has not been taken yet. */
class Rest {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Where an item has the length of its data, it has the data from now on. */
  putInto(item: object): void {
    if (!("data" in item) || typeof item.data !== "number") return;
    const end = this.#at + item.data;
    Object.assign(item, { data: this.#bytes.subarray(this.#at, end) });
    this.#at = end;
  }
}
