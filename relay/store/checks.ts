import type { Deposit, Put, Quota } from "./ports.ts";

const MAX_NAME_LENGTH = 256;
const MAX_SPACE_LENGTH = 64;
const MAX_NOTE_LENGTH = 4096;
/** What a message costs beside its own bytes, as quotas count. */
const MESSAGE_OVERHEAD_BYTES = 8;

/** What a message counts for. */
export function messageBytes({ data, id, note }: Pick<Deposit, "id" | "note"> & { readonly data: Uint8Array }): number {
  return data.length + id.length + note.length + MESSAGE_OVERHEAD_BYTES;
}

/** What a record counts for. */
export function recordBytes({
  data,
  name,
  owner,
}: Pick<Put, "name" | "owner"> & { readonly data: Uint8Array }): number {
  return data.length + name.length + owner.length + MESSAGE_OVERHEAD_BYTES;
}

/** Whether so much is within what may be. */
export function fits({ maxCount, maxBytes }: Quota, count: number, bytes: number): boolean {
  return (maxCount === 0 || count <= maxCount) && (maxBytes === 0 || bytes <= maxBytes);
}

/** @throws RangeError where a dialect makes up what no store takes: a defect, never a client's to cause. */
export function checkDeposit({ mailbox, id, note, rank, collapseKey = "-" }: Deposit): void {
  checkLength("the name of a mailbox", mailbox, MAX_NAME_LENGTH);
  checkLength("an id", id, MAX_NAME_LENGTH);
  checkLength("a collapse key", collapseKey, MAX_NAME_LENGTH);
  if (note.length > MAX_NOTE_LENGTH) throw new RangeError(`a note has up to ${MAX_NOTE_LENGTH} characters`);
  if (!Number.isSafeInteger(rank) || rank < 0) throw new RangeError("a rank is a whole number from 0");
}

/** @throws RangeError as above. */
export function checkPut({ space, name, owner }: Put): void {
  checkLength("a space", space, MAX_SPACE_LENGTH);
  checkLength("the name of a record", name, MAX_NAME_LENGTH);
  checkLength("an owner", owner, MAX_NAME_LENGTH);
}

function checkLength(what: string, text: string, maxLength: number): void {
  if (text === "" || text.length > maxLength) throw new RangeError(`${what} has 1 to ${maxLength} characters`);
}
