/** What this tab calls itself: a name by chance at first. It outlives a reload, and nothing else does. */
export function nameOfThisTab(): string {
  const state: unknown = history.state;
  if (typeof state === "object" && state !== null && "name" in state && typeof state.name === "string")
    return state.name;
  const name = `Guest ${1000 + Math.floor(Math.random() * 9000)}`;
  rememberName(name);
  return name;
}

/** Keeps it in the history of this tab, which goes to nobody. */
export function rememberName(name: string): void {
  history.replaceState({ name }, "");
}
