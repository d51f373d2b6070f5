import { expect, it } from "vitest";
import { type Behind, transferOverChanges } from "../support/transport-changes.ts";

const STREAM_BYTES = 200_000_000;

it.each<Behind>(["sender", "receiver"])(
  "brings 200 MB byte for byte while the %s goes from a WebSocket to polls and back",
  { timeout: 600_000 },
  async (behind) => {
    const { receivedBytes, sentHash, receivedHash } = await transferOverChanges(STREAM_BYTES, behind);

    expect([receivedBytes, receivedHash]).toEqual([STREAM_BYTES, sentHash]);
  },
);
