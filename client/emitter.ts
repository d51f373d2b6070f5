/** Calls listeners by the name of an event. What a listener throws is the app's, and reaches it as an uncaught error. */
export class Emitter<Events> {
  readonly #listeners: { [Name in keyof Events]?: Set<(event: Events[Name]) => void> } = {};

  /** Calls the listener at each event until it is stopped. @returns stops it. */
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void {
    // Each call is one of its own, also of a listener that is there already.
    const call = (event: Events[Name]): void => listener(event);
    const calls = (this.#listeners[name] ??= new Set());
    calls.add(call);
    return () => void calls.delete(call);
  }

  /** @returns whether anybody listens to this. */
  emit<Name extends keyof Events>(name: Name, event: Events[Name]): boolean {
    let isHeard = false;
    for (const call of this.#listeners[name] ?? []) {
      isHeard = true;
      try {
        call(event);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
    return isHeard;
  }
}
