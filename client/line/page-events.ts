/**
 * What a page's life means for its connection.
 * - `check`: it is shown again, or the network is back;
 * - `suspend`: nothing runs from now on, while the browser answers pings for it;
 * - `resume`: it runs again.
 */
export type PageEvent = "check" | "suspend" | "resume";

/** Calls a listener at each event until it is stopped. @returns stops it. */
export type PageEvents = (listener: (event: PageEvent) => void) => () => void;

type Page = EventTarget & { readonly document: EventTarget & { readonly visibilityState: string } };

/** The events of the page that this runs in; undefined where there is none, as in workers and outside of browsers. */
export function pageEvents(scope: object = globalThis): PageEvents | undefined {
  if (!isPage(scope)) return undefined;
  const { document } = scope;
  return (listener) => {
    const { signal, abort } = stoppable();
    const on = (target: EventTarget, name: string, meaning: PageEvent, isMeant?: (event: Event) => boolean): void =>
      target.addEventListener(name, (event) => isMeant?.(event) !== false && listener(meaning), { signal });
    on(scope, "online", "check");
    on(document, "visibilitychange", "check", () => document.visibilityState === "visible");
    on(document, "freeze", "suspend");
    on(document, "resume", "resume");
    // Into the back/forward cache, and out of it.
    on(scope, "pagehide", "suspend", isPersisted);
    on(scope, "pageshow", "resume", isPersisted);
    return abort;
  };
}

function isPage(scope: object): scope is Page {
  return "document" in scope && "addEventListener" in scope;
}

function stoppable(): { readonly signal: AbortSignal; readonly abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

function isPersisted(event: Event): boolean {
  return "persisted" in event && event.persisted === true;
}
