/** What a server is started with. */
export type ServerSetting = {
  readonly port: number;
  readonly keyPath: string;
  readonly certificatePath: string;
  /** A directory of its own, for configuration and whatever it writes. */
  readonly directory: string;
  /** The packed relay; for others it does not matter. */
  readonly relayProgram: string;
};

/** A program and its arguments. */
export type ServerCommand = readonly [program: string, ...programArguments: string[]];
