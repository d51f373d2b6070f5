import { setTimeout as pause } from "node:timers/promises";
import { type KillTestContestant, type KillTestMember, SILENT } from "../kill-test/contestant.ts";
import { decodeMessage, encodeMessage } from "../kill-test/message.ts";
import { onStage, type Stage } from "../kill-test/stage.ts";

const MEET_TIMEOUT_MS = 30_000;
const MEET_EVERY_MS = 500;
const CUT_MS = 2000;
const REPAIR_TIMEOUT_MS = 60_000;
const POLL_MS = 20;
/** Behind the last reception, for what is still repaired then. */
const SETTLE_MS = 3000;

/** What C2 measures. */
export type RepairCostOptions = {
  readonly receiverCount: number;
  readonly messageCount: number;
  readonly payloadBytes: number;
};

/** A hundred receivers that miss a thousand messages of 1 KiB. */
export const USUAL_REPAIR: RepairCostOptions = { receiverCount: 100, messageCount: 1000, payloadBytes: 1024 };

/** What repairing took. */
export type RepairCost = {
  /** From the publisher to the relay, behind the messages themselves: TLS and all. */
  readonly repairBytes: number;
  /** From the relay to all receivers in that time. */
  readonly deliveredBytes: number;
  /** Receivers that have everything. */
  readonly completeCount: number;
  /** From the end of the cut until the last one had it; undefined: not all had it within a minute. */
  readonly tookMs: number | undefined;
};

/**
 * C2: all receivers are cut off for 2 s; meanwhile one publisher sends. How many bytes does it send again when they are back?
 */
export function measureRepair(contestant: KillTestContestant, options: RepairCostOptions): Promise<RepairCost> {
  return onStage(contestant, options.receiverCount + 1, async (stage) => {
    const receivers = new Receivers(options);
    const members: KillTestMember[] = [];
    try {
      const publisher = await open(contestant, stage, receivers, members);
      await meet(publisher, receivers);
      return await missAndRepair(publisher, stage, receivers, options);
    } finally {
      await Promise.all(members.map((member) => member.close()));
    }
  });
}

/** @returns the publisher, which is member 0. */
async function open(
  contestant: KillTestContestant,
  { proxy, ca }: Stage,
  receivers: Receivers,
  members: KillTestMember[],
): Promise<KillTestMember> {
  const { memberCount } = receivers;
  for (let index = memberCount - 1; index >= 0; index -= 1) {
    const setting = { port: proxy.port(index), ca, index, memberCount };
    const onMessage = (bytes: Uint8Array): void => receivers.receive(index, bytes);
    members.push(await contestant.openMember(setting, { onMessage, ...SILENT }));
  }
  const publisher = members.at(-1);
  if (publisher === undefined) throw new Error("there is nobody");
  return publisher;
}

async function meet(publisher: KillTestMember, receivers: Receivers): Promise<void> {
  const deadlineMs = performance.now() + MEET_TIMEOUT_MS;
  while (!receivers.haveAllHeard) {
    if (performance.now() > deadlineMs) throw new Error("not every receiver hears the publisher");
    await publisher.publish(encodeMessage({ kind: "hello", sender: 0, seq: 0, sentAtMs: 0 }, 64));
    await pause(MEET_EVERY_MS);
  }
}

async function missAndRepair(
  publisher: KillTestMember,
  { proxy }: Stage,
  receivers: Receivers,
  { messageCount, payloadBytes, receiverCount }: RepairCostOptions,
): Promise<RepairCost> {
  const everyReceiver = Array.from({ length: receiverCount }, (_, index) => index + 1);
  const deliveredBytes = (): number => everyReceiver.reduce((sum, index) => sum + proxy.bytes(index).fromServer, 0);
  const whole = pause(CUT_MS);
  await proxy.cut(...everyReceiver);
  for (let seq = 1; seq <= messageCount; seq += 1) {
    await publisher.publish(encodeMessage({ kind: "counted", sender: 0, seq, sentAtMs: 0 }, payloadBytes));
  }
  await whole;
  const sentBefore = proxy.bytes(0).toServer;
  const deliveredBefore = deliveredBytes();
  if (sentBefore < messageCount * payloadBytes) throw new Error("the messages had not left when the cut ended");
  await proxy.mend(...everyReceiver);
  const beganAtMs = performance.now();
  while (receivers.completeCount < receiverCount && performance.now() - beganAtMs < REPAIR_TIMEOUT_MS) {
    await pause(POLL_MS);
  }
  const tookMs = performance.now() - beganAtMs;
  await pause(SETTLE_MS);
  return {
    repairBytes: proxy.bytes(0).toServer - sentBefore,
    deliveredBytes: deliveredBytes() - deliveredBefore,
    completeCount: receivers.completeCount,
    tookMs: receivers.completeCount === receiverCount ? tookMs : undefined,
  };
}

/** What the receivers have. */
class Receivers {
  readonly memberCount: number;
  readonly #messageCount: number;
  readonly #heard = new Set<number>();
  readonly #seqs: Set<number>[];

  constructor({ receiverCount, messageCount }: RepairCostOptions) {
    this.memberCount = receiverCount + 1;
    this.#messageCount = messageCount;
    this.#seqs = Array.from({ length: this.memberCount }, () => new Set<number>());
  }

  get haveAllHeard(): boolean {
    return this.#heard.size === this.memberCount - 1;
  }

  get completeCount(): number {
    return this.#seqs.filter(({ size }) => size === this.#messageCount).length;
  }

  receive(index: number, bytes: Uint8Array): void {
    const stamp = decodeMessage(bytes);
    if (stamp === undefined || index === 0) return;
    this.#heard.add(index);
    if (stamp.kind === "counted") this.#seqs[index]?.add(stamp.seq);
  }
}
