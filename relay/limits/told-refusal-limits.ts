/** Connections beside MAX_CONNECTIONS that are open only to be told why they are refused; above it, an HTTP status has to do. */
export const MAX_TOLD_REFUSALS = 64;
/** How long one of them may take to take its close, and to answer it. */
export const TOLD_REFUSAL_MS = 1000;
/** The largest message that one of them may send; it is not looked at. */
export const TOLD_REFUSAL_FRAME_BYTES = 1024;
