import { vi } from "vitest";

type Method = (...args: never[]) => unknown;

/** Puts another method in the place of one of a class, until mocks are restored; `original` is the one that was there. */
export function replaceMethod<Owner extends object, Name extends keyof Owner>(
  owner: Owner,
  name: Name,
  make: (
    original: Owner[Name],
  ) => (self: Owner, ...args: Owner[Name] extends (...args: infer Args) => unknown ? Args : never) => unknown,
): void {
  const other = make(Reflect.get(owner, name) as Owner[Name]);
  const spy = vi.spyOn(owner, name as never) as unknown as { mockImplementation(method: Method): void };
  spy.mockImplementation(function (this: Owner, ...args: never[]) {
    return other(this, ...(args as never));
  });
}
