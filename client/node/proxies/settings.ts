/** What a system says about proxies. */
export type SystemSettings = {
  /** For `wss:` and `https:`. */
  readonly secure: string | undefined;
  /** For `ws:` and `http:`. */
  readonly plain: string | undefined;
  /** Of a script that chooses; it goes before both. */
  readonly pacUrl: string | undefined;
  readonly exceptions: readonly string[];
};
