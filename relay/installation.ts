/** How this relay came to its machine, and what a person types there: a checkout has npm's scripts, an installed package its command. */

/** Whether this is the compiled package; a checkout runs its sources as they are. */
export const isInstalled: boolean = import.meta.url.endsWith(".js");

/** A command of the relay as a person types it here. @param words such as `cert status`. */
export function relayCommand(words: string): string {
  return isInstalled ? `postern ${words}` : `npm run postern -- ${words}`;
}
