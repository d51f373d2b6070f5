/** Why a dial is turned away, as the dialling side is told: the `reasonCode` of the stream. */
export const refusals = { unknownKey: 1, firewall: 2, badHandshake: 3, crossing: 4 } as const;

/** Aborts a stream with such a number. */
export class Refusal extends Error {
  readonly reasonCode: number;

  constructor(reason: keyof typeof refusals) {
    super(reason);
    this.reasonCode = refusals[reason];
  }
}
