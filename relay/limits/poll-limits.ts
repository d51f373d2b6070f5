import { FIRST_UPLOAD_BYTES, MAX_BATCH_BYTES, MAX_UPLOAD_BYTES } from "../../protocol/polling.ts";

/** Two uploads, once as they came and once joined, are no more than one message may be. */
const UPLOADS_PER_MESSAGE = 4;
/** Two batches, once as they are kept and once as TLS has them, are a quarter of an outbox. */
const BATCHES_PER_OUTBOX = 16;

/** How large one upload may be: limits/memory-bound.ts counts on it. */
export function maxUploadBytesFor(maxFrameBytes: number): number {
  const bytes = Math.floor(maxFrameBytes / UPLOADS_PER_MESSAGE);
  return Math.min(MAX_UPLOAD_BYTES, Math.max(FIRST_UPLOAD_BYTES, bytes));
}

/** How large the answer to a poll may be. */
export function maxBatchBytesFor(maxOutboxBytes: number): number {
  return Math.min(MAX_BATCH_BYTES, Math.floor(maxOutboxBytes / BATCHES_PER_OUTBOX));
}
