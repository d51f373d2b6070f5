/** Does something for each of these, so many at a time. @returns what it gave, in their order. */
export async function sideBySide<T, R>(
  items: readonly T[],
  atATime: number,
  each: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results = new Map<number, R>();
  const entries = items.entries();
  const work = async (): Promise<void> => {
    for (const [index, item] of entries) results.set(index, await each(item));
  };
  await Promise.all(Array.from({ length: atATime }, work));
  return items.flatMap((_, index) => {
    const result = results.get(index);
    return result === undefined ? [] : [result];
  });
}
