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
    const stopping = new AbortController();
    const on = (target: EventTarget, name: string, meaning: PageEvent, isMeant: (event: Event) => boolean): void =>
      target.addEventListener(name, (event) => isMeant(event) && listener(meaning), { signal: stopping.signal });
    const isShown = (): boolean => document.visibilityState === "visible";
    on(scope, "online", "check", always);
    on(document, "visibilitychange", "check", isShown);
    on(document, "freeze", "suspend", always);
    on(document, "resume", "resume", always);
    // Into the back/forward cache, and out of it.
    on(scope, "pagehide", "suspend", isPersisted);
    on(scope, "pageshow", "resume", isPersisted);
    return () => stopping.abort();
  };
}

function isPage(scope: object): scope is Page {
  return "document" in scope && "addEventListener" in scope;
}

function always(): boolean {
  return true;
}

function isPersisted(event: Event): boolean {
  return "persisted" in event && event.persisted === true;
}
