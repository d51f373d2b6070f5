import { DeliveryError, type PosternError } from "../errors.ts";

/** A promise that others settle, and that the signal of its caller ends with `aborted`. */
export class Pending {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: PosternError) => void;

  /** @param onEnd called once, however it ends. */
  constructor(signal: AbortSignal | undefined, onEnd: (pending: Pending) => void) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => this.reject(new DeliveryError("aborted", { cause: signal?.reason }));
    const end = (): void => {
      signal?.removeEventListener("abort", onAbort);
      onEnd(this);
    };
    this.promise = promise;
    this.resolve = () => {
      resolve();
      end();
    };
    this.reject = (error) => {
      reject(error);
      end();
    };
    signal?.addEventListener("abort", onAbort);
  }
}
