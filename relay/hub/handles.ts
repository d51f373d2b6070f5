/** Handles are unsigned 32-bit integers on the wire. */
const MAX_HANDLE = 0xffff_ffff;

/**
 * Which handles a node gives. Of `nodeCount` nodes each gives every `nodeCount`-th, so that no two give the same; alone,
 * all of them.
 */
export type HandleShare = { readonly nodeIndex: number; readonly nodeCount: number };

/** The handles of one node that knows of no other. */
const ALL_HANDLES: HandleShare = { nodeIndex: 0, nodeCount: 1 };

/** Gives handles that only rise, until they begin again; none that is still in use. */
export class Handles {
  readonly #share: HandleShare;
  readonly #maxHandle: number;
  #last: number;

  /** @param maxHandle above the number that is in use at once; after it, handles begin again. */
  constructor(share: HandleShare = ALL_HANDLES, maxHandle: number = MAX_HANDLE) {
    this.#share = share;
    this.#maxHandle = maxHandle;
    this.#last = this.#first - share.nodeCount;
  }

  next(isInUse: (handle: number) => boolean): number {
    do {
      this.#last += this.#share.nodeCount;
      if (this.#last > this.#maxHandle) this.#last = this.#first;
    } while (isInUse(this.#last));
    return this.#last;
  }

  /** 0 is nobody's. */
  get #first(): number {
    return this.#share.nodeIndex + 1;
  }
}
