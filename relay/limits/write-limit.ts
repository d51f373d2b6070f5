/** How much is handed to TLS at once: it is encrypted then, and no longer shared with other links. */
export const MAX_WRITE_BYTES = 131_072;
