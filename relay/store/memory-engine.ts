import { checkDeposit, checkPut, fits, messageBytes, recordBytes } from "./checks.ts";
import type {
  Deposit,
  DepositOutcome,
  Expired,
  Put,
  PutOutcome,
  Quota,
  ReadRequest,
  StoredMessage,
  StoredRecord,
  StoreEngine,
  StoreLimits,
  StoreTotals,
} from "./ports.ts";

type Kept = StoredMessage & {
  readonly mailbox: string;
  readonly collapseKey: string | undefined;
  readonly bytes: number;
};

/** Messages are found by when they expire in steps of this. */
const EXPIRY_STEP_MS = 60_000;

type Mailbox = {
  /** By rank, then by sequence. */
  readonly messages: Kept[];
  readonly byId: Map<string, Kept>;
  readonly byCollapseKey: Map<string, Kept>;
  bytes: number;
};

function emptyMailbox(): Mailbox {
  return { messages: [], byId: new Map(), byCollapseKey: new Map(), bytes: 0 };
}

type Space = { readonly records: Map<string, StoredRecord>; bytes: number };

/** Messages and records in the memory of this process: they end with it. */
export class MemoryEngine implements StoreEngine {
  readonly #limits: StoreLimits;
  readonly #mailboxes = new Map<string, Mailbox>();
  readonly #spaces = new Map<string, Space>();
  readonly #bySequence = new Map<number, Kept>();
  readonly #byExpiry = new Map<number, Set<Kept>>();
  #lastSequence = 0;
  #messageCount = 0;
  #messageBytes = 0;
  #recordBytes = 0;

  constructor(limits: StoreLimits) {
    this.#limits = limits;
  }

  get totals(): StoreTotals {
    const [oldest] = this.#bySequence.values();
    return {
      mailboxCount: this.#mailboxes.size,
      messageCount: this.#messageCount,
      messageBytes: this.#messageBytes,
      oldestAtMs: oldest?.depositedAtMs,
      recordBytes: this.#recordBytes,
      recordCounts: Object.fromEntries([...this.#spaces].map(([name, { records }]) => [name, records.size])),
    };
  }

  deposit(deposit: Deposit): DepositOutcome {
    checkDeposit(deposit);
    const mailbox = this.#mailboxes.get(deposit.mailbox) ?? emptyMailbox();
    const known = mailbox.byId.get(deposit.id);
    if (known !== undefined) return { outcome: "known", sequence: known.sequence };
    const { quota: _, ...kept } = deposit;
    const { collapseKey } = deposit;
    const replaced = collapseKey === undefined ? undefined : mailbox.byCollapseKey.get(collapseKey);
    const bytes = messageBytes(deposit);
    const growth = { count: replaced === undefined ? 1 : 0, bytes: bytes - (replaced?.bytes ?? 0) };
    if (!fits(deposit.quota, mailbox.messages.length + growth.count, mailbox.bytes + growth.bytes))
      return { outcome: "mailbox-full" };
    if (!this.#hasRoomFor(growth)) return { outcome: "store-full" };
    if (replaced !== undefined) this.#take(mailbox, replaced);
    this.#lastSequence += 1;
    const sequence = this.#lastSequence;
    this.#add(mailbox, { ...kept, data: Uint8Array.from(kept.data), sequence, bytes });
    this.#mailboxes.set(deposit.mailbox, mailbox);
    return { outcome: "stored", sequence };
  }

  read({ mailbox, after, nowMs, maxCount, maxBytes }: ReadRequest): readonly StoredMessage[] {
    const messages = this.#mailboxes.get(mailbox)?.messages ?? [];
    const read: StoredMessage[] = [];
    let bytes = 0;
    for (let index = firstBehind(messages, after); index < messages.length && read.length < maxCount; index += 1) {
      const message = messages[index];
      if (message === undefined || message.expiresAtMs <= nowMs) continue;
      bytes += message.bytes;
      if (read.length > 0 && bytes > maxBytes) break;
      const { id, note, rank, depositedAtMs, expiresAtMs, sequence, data } = message;
      read.push({ id, note, rank, depositedAtMs, expiresAtMs, sequence, data });
    }
    return read;
  }

  remove(which: { readonly mailbox: string } & ({ readonly id: string } | { readonly sequence: number })): boolean {
    const mailbox = this.#mailboxes.get(which.mailbox);
    const message = "id" in which ? mailbox?.byId.get(which.id) : this.#bySequence.get(which.sequence);
    if (mailbox === undefined || message?.mailbox !== which.mailbox) return false;
    this.#take(mailbox, message);
    this.#forgetEmpty(which.mailbox, mailbox);
    return true;
  }

  clear({ mailbox: name, maxCount }: { readonly mailbox: string; readonly maxCount: number }): number {
    const mailbox = this.#mailboxes.get(name);
    const oldest = mailbox?.messages.slice(0, maxCount) ?? [];
    for (const message of oldest) if (mailbox !== undefined) this.#take(mailbox, message);
    if (mailbox !== undefined) this.#forgetEmpty(name, mailbox);
    return oldest.length;
  }

  sizeOf({ mailbox }: { readonly mailbox: string }): { readonly count: number; readonly bytes: number } {
    const { messages, bytes } = this.#mailboxes.get(mailbox) ?? emptyMailbox();
    return { count: messages.length, bytes };
  }

  put(put: Put): PutOutcome {
    checkPut(put);
    const { space: name, quota, nowMs, ...record } = put;
    const space = this.#spaces.get(name) ?? { records: new Map<string, StoredRecord>(), bytes: 0 };
    const before = space.records.get(record.name);
    if (before !== undefined && before.owner !== record.owner && before.expiresAtMs > nowMs) return "taken";
    const growth = {
      count: before === undefined ? 1 : 0,
      bytes: recordBytes(record) - (before === undefined ? 0 : recordBytes(before)),
    };
    if (!fits(quota, space.records.size + growth.count, space.bytes + growth.bytes)) return "space-full";
    if (!this.#hasRoomFor({ count: 0, bytes: growth.bytes })) return "store-full";
    space.bytes += growth.bytes;
    this.#recordBytes += growth.bytes;
    space.records.set(record.name, { space: name, ...record, data: Uint8Array.from(record.data) });
    this.#spaces.set(name, space);
    return "stored";
  }

  find({
    space,
    names,
    nowMs,
  }: {
    readonly space: string;
    readonly names: readonly string[];
    readonly nowMs: number;
  }): readonly StoredRecord[] {
    const records = this.#spaces.get(space)?.records;
    return [...new Set(names)]
      .map((name) => records?.get(name))
      .filter((record) => record !== undefined)
      .filter(({ expiresAtMs }) => expiresAtMs > nowMs);
  }

  drop({ space, name, owner }: { readonly space: string; readonly name: string; readonly owner: string }): boolean {
    const kept = this.#spaces.get(space);
    const record = kept?.records.get(name);
    if (kept === undefined || record?.owner !== owner) return false;
    kept.records.delete(name);
    kept.bytes -= recordBytes(record);
    this.#recordBytes -= recordBytes(record);
    return true;
  }

  expire({ nowMs, maxCount }: { readonly nowMs: number; readonly maxCount: number }): Expired {
    const lastStep = Math.floor(nowMs / EXPIRY_STEP_MS);
    const steps = [...this.#byExpiry].filter(([step]) => step <= lastStep);
    const over: Kept[] = [];
    for (const [, messages] of steps) {
      for (const message of messages) {
        if (over.length >= maxCount) break;
        if (message.expiresAtMs <= nowMs) over.push(message);
      }
    }
    for (const message of over) this.remove({ mailbox: message.mailbox, id: message.id });
    const messageCount = over.length;
    let recordCount = 0;
    for (const { space, name, owner, expiresAtMs } of [...this.#spaces.values()].flatMap(({ records }) => [
      ...records.values(),
    ])) {
      if (messageCount + recordCount >= maxCount) break;
      if (expiresAtMs <= nowMs && this.drop({ space, name, owner })) recordCount += 1;
    }
    return { messageCount, recordCount };
  }

  #hasRoomFor(growth: { readonly count: number; readonly bytes: number }): boolean {
    const quota: Quota = { maxCount: this.#limits.maxMessages, maxBytes: this.#limits.maxBytes };
    const bytes = this.#messageBytes + this.#recordBytes;
    return fits(quota, this.#messageCount + growth.count, bytes + growth.bytes);
  }

  #add(mailbox: Mailbox, message: Kept): void {
    mailbox.messages.splice(firstBehind(mailbox.messages, message), 0, message);
    mailbox.byId.set(message.id, message);
    this.#bySequence.set(message.sequence, message);
    if (message.collapseKey !== undefined) mailbox.byCollapseKey.set(message.collapseKey, message);
    mailbox.bytes += message.bytes;
    const step = Math.floor(message.expiresAtMs / EXPIRY_STEP_MS);
    const others = this.#byExpiry.get(step) ?? new Set();
    this.#byExpiry.set(step, others.add(message));
    this.#messageCount += 1;
    this.#messageBytes += message.bytes;
  }

  #take(mailbox: Mailbox, message: Kept): void {
    mailbox.messages.splice(firstBehind(mailbox.messages, message) - 1, 1);
    mailbox.byId.delete(message.id);
    this.#bySequence.delete(message.sequence);
    if (message.collapseKey !== undefined) mailbox.byCollapseKey.delete(message.collapseKey);
    mailbox.bytes -= message.bytes;
    const step = Math.floor(message.expiresAtMs / EXPIRY_STEP_MS);
    const others = this.#byExpiry.get(step);
    others?.delete(message);
    if (others?.size === 0) this.#byExpiry.delete(step);
    this.#messageCount -= 1;
    this.#messageBytes -= message.bytes;
  }

  #forgetEmpty(name: string, mailbox: Mailbox): void {
    if (mailbox.messages.length === 0) this.#mailboxes.delete(name);
  }
}

/** Where the messages begin that come behind a place. */
function firstBehind(messages: readonly Kept[], { rank, sequence }: { rank: number; sequence: number }): number {
  let low = 0;
  let high = messages.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const at = messages[middle];
    if (at !== undefined && (at.rank < rank || (at.rank === rank && at.sequence <= sequence))) low = middle + 1;
    else high = middle;
  }
  return low;
}
