import { expect, it } from "vitest";
import { type PageEvent, pageEvents } from "../../client/line/page-events.ts";

/** What a page has of it. */
function openPage() {
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  const scope = Object.assign(new EventTarget(), { document });
  const told: PageEvent[] = [];
  const stop = pageEvents(scope)?.((event) => told.push(event));
  return { document, scope, told, stop };
}

const event = (name: string, fields: object = {}): Event => Object.assign(new Event(name), fields);

it("tells when a page is suspended, and when it goes on", () => {
  const { document, scope, told } = openPage();

  document.dispatchEvent(event("freeze"));
  document.dispatchEvent(event("resume"));
  scope.dispatchEvent(event("pagehide", { persisted: true }));
  scope.dispatchEvent(event("pageshow", { persisted: true }));
  scope.dispatchEvent(event("pagehide", { persisted: false }));
  scope.dispatchEvent(event("pageshow", { persisted: false }));

  expect(told).toEqual(["suspend", "resume", "suspend", "resume"]);
});

it("tells when it is worth a look: the network is back, or the page is shown", () => {
  const { document, scope, told, stop } = openPage();
  scope.dispatchEvent(event("online"));
  document.dispatchEvent(event("visibilitychange"));
  document.visibilityState = "hidden";
  document.dispatchEvent(event("visibilitychange"));
  stop?.();
  scope.dispatchEvent(event("online"));

  expect(told).toEqual(["check", "check"]);
});

it("is nothing where there is no page", () => {
  expect(pageEvents()).toBeUndefined();
});
