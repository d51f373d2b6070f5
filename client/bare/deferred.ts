/** A promise and who settles it. A rejection that nobody waits for is no fault of the program's. */
export class Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;

  constructor() {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    promise.catch(() => undefined);
    this.promise = promise;
    this.resolve = resolve;
    this.reject = reject;
  }
}
