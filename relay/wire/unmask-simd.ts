/**
 * Unmasking of large frames sixteen bytes at a time, in WebAssembly: JavaScript has no such instructions, and its four
 * bytes at a time took 18 µs for 64 KiB, with the copies to and fro this takes 5 (bench W3). The module is written out
 * here, instruction by instruction, because it is smaller than any tool that would make it.
 */

/** One page of WebAssembly memory: what is unmasked in one go. */
const PAGE_BYTES = 65_536;

/** WebAssembly core specification 2.0, section 5.4: the instructions used, with their fixed operands. */
const Op = {
  loop: [0x03, 0x40],
  end: [0x0b],
  branchIf: [0x0d, 0],
  get: (local: number) => [0x20, local],
  set: (local: number) => [0x21, local],
  tee: (local: number) => [0x22, local],
  i32Const16: [0x41, 16],
  i32Add: [0x6a],
  i32LessUnsigned: [0x49],
  v128Load: [0xfd, 0x00, 4, 0],
  v128Store: [0xfd, 0x0b, 4, 0],
  v128Spaces: [0xfd, 0x0c, ...Array.from({ length: 16 }, () => 0x20)],
  v128Xor: [0xfd, 0x51],
  v128Or: [0xfd, 0x50],
  i32x4Splat: [0xfd, 0x11],
  i8x16LessUnsigned: [0xfd, 0x26],
  i8x16Bitmask: [0xfd, 0x64],
  i32Or: [0x72],
  i32EqualsZero: [0x45],
} as const;

const I32 = 0x7f;
const V128 = 0x7b;
/** Parameters, then locals. */
const [AT, END, KEY, BYTES, HIGH, LOW] = [0, 1, 2, 3, 4, 5];

const LOCALS = [1, 3, V128];
/** Section 5.5.16: what every module begins with. */
const PREAMBLE = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];

/** `unmask(at, end, key) -> isPrintable`; `at` and `end` are multiples of 16 and `at < end`. */
const unmaskBody = [
  ...LOCALS,
  ...Op.loop,
  // bytes = load(at) ^ splat(key); store(at, bytes)
  ...Op.get(AT),
  ...Op.get(AT),
  ...Op.v128Load,
  ...Op.get(KEY),
  ...Op.i32x4Splat,
  ...Op.v128Xor,
  ...Op.tee(BYTES),
  ...Op.v128Store,
  // high |= bytes: bit 7 of a lane tells that a byte was not ASCII
  ...Op.get(HIGH),
  ...Op.get(BYTES),
  ...Op.v128Or,
  ...Op.set(HIGH),
  // low |= bytes < 0x20
  ...Op.get(LOW),
  ...Op.get(BYTES),
  ...Op.v128Spaces,
  ...Op.i8x16LessUnsigned,
  ...Op.v128Or,
  ...Op.set(LOW),
  // at += 16; again while at < end
  ...Op.get(AT),
  ...Op.i32Const16,
  ...Op.i32Add,
  ...Op.tee(AT),
  ...Op.get(END),
  ...Op.i32LessUnsigned,
  ...Op.branchIf,
  ...Op.end,
  ...Op.get(HIGH),
  ...Op.i8x16Bitmask,
  ...Op.get(LOW),
  ...Op.i8x16Bitmask,
  ...Op.i32Or,
  ...Op.i32EqualsZero,
  ...Op.end,
];

/** Section 5.5: a type, a function of it, a memory of one page, the exports `m` and `f`, the body. */
const moduleBytes = Uint8Array.of(
  ...PREAMBLE,
  ...section(1, [1, 0x60, 3, I32, I32, I32, 1, I32]),
  ...section(3, [1, 0]),
  ...section(5, [1, 1, 1, 1]),
  ...section(7, [2, 1, 0x6d, 2, 0, 1, 0x66, 0, 0]),
  ...section(10, [1, ...sized(unmaskBody)]),
);

function section(id: number, content: readonly number[]): readonly number[] {
  return [id, ...sized(content)];
}

/** Section 5.2.2: a length in groups of seven bits, the lowest first; two groups are enough here. */
function sized(content: readonly number[]): readonly number[] {
  const { length } = content;
  return [...(length < 0x80 ? [length] : [(length & 0x7f) | 0x80, length >> 7]), ...content];
}

/** What the module exports. */
type Exports = {
  readonly m: { readonly buffer: ArrayBuffer };
  readonly f: (at: number, end: number, key: number) => number;
};

/** As much of it as is used: the types of Node leave it to those of browsers. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: Exports };
};

/** The module's memory and function. */
type Simd = { readonly page: Uint8Array; readonly unmask: Exports["f"] };

let simd: Simd | undefined;
let isMade = false;

/** Made with the first large frame: most relays of small ones never need it. */
function make(): Simd | undefined {
  try {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(moduleBytes));
    return { page: new Uint8Array(exports.m.buffer), unmask: exports.f };
  } catch {
    // No WebAssembly (--jitless) or no address space for it (ulimit -v): then JavaScript does it alone.
    return undefined;
  }
}

/**
 * Unmasks as many sixteens of bytes as there are, in place.
 * @param key the mask's four bytes from the first byte on, in the machine's order.
 * @returns how many bytes were done, and whether all of them are printable ASCII (0x20..0x7f).
 */
export function unmaskSixteens(
  bytes: Uint8Array,
  start: number,
  end: number,
  key: number,
): { readonly doneBytes: number; readonly isPrintable: boolean } {
  if (!isMade) {
    simd = make();
    isMade = true;
  }
  if (simd === undefined) return { doneBytes: 0, isPrintable: true };
  const stop = end - ((end - start) & 15);
  let isPrintable = true;
  for (let at = start; at < stop; at += PAGE_BYTES) {
    const count = Math.min(PAGE_BYTES, stop - at);
    simd.page.set(bytes.subarray(at, at + count));
    if (simd.unmask(0, count, key) === 0) isPrintable = false;
    bytes.set(count === PAGE_BYTES ? simd.page : simd.page.subarray(0, count), at);
  }
  return { doneBytes: stop - start, isPrintable };
}
