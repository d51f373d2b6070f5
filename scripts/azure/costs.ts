/** US dollars a month by list prices that nobody has checked here: the table in docs/deploy/azure.md, which a test compares. */
export const MONTHLY_DOLLARS = { group: 34, prod: 41, registry: 5 } as const;

/** What a relay of the default size costs, for people. */
export function costOf({ isProd, hasBuild }: { readonly isProd: boolean; readonly hasBuild: boolean }): string {
  const { group, prod, registry } = MONTHLY_DOLLARS;
  const sum = (isProd ? prod : group) + (hasBuild ? registry : 0);
  return (
    `It costs about ${sum} US dollars a month in the default size, by list prices that nobody has checked: ` +
    "docs/deploy/azure.md#costs"
  );
}
