import { MAX_ADDRESSEES } from "../../protocol/limits.ts";
import { DATA_HEADER_BYTES } from "../../protocol/v1-binary.ts";

/** What was sent again: messages and bytes on the wire as they leave their sender, and to how many members they go. */
export type Repaired = { readonly messageCount: number; readonly sentBytes: number; readonly deliveryCount: number };

/** Nothing so far. */
export const noRepairs: Repaired = { messageCount: 0, sentBytes: 0, deliveryCount: 0 };

/** Of one handle in a list of addressees. */
const HANDLE_BYTES = 4;

/** With one frame more, which goes to all who are here where `to` is undefined. */
export function withRepair(
  { messageCount, sentBytes, deliveryCount }: Repaired,
  frame: Uint8Array,
  to: readonly string[] | undefined,
  hereCount: number,
): Repaired {
  const count = Math.ceil((to?.length ?? 1) / MAX_ADDRESSEES);
  const listBytes = to !== undefined && to.length > 1 ? HANDLE_BYTES * to.length : 0;
  return {
    messageCount: messageCount + count,
    sentBytes: sentBytes + count * (DATA_HEADER_BYTES + frame.byteLength) + listBytes,
    deliveryCount: deliveryCount + (to?.length ?? hereCount),
  };
}
