import { ReaderProgress } from "../../relay/websocket/reader-progress.ts";

// A relay whose process loads this first asks no reader how far it has read: what the tests of lines must notice.
Object.defineProperties(ReaderProgress.prototype, {
  wrote: { value: () => false },
  isPingDue: { get: () => false },
  roomBytes: { get: () => Number.POSITIVE_INFINITY },
  fragmentBytes: { get: () => Number.POSITIVE_INFINITY },
});
