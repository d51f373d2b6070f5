/** What the client adds to a payload at most: header, stream, request, and the tag of what will be sealed. */
export const OVERHEAD_BYTES = 64;
