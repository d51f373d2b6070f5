import type { Carrier, Sid } from "../delivery/ports.ts";
import type { PosternError } from "../errors.ts";
import type { PassageEvents } from "../passage.ts";
import { Route, type RouteEvents, type RouteParts, type Way, WORTH_MS } from "./route.ts";

/** What the routes of a topic tell. `onJoined` and `onDown` alternate, and all else of sessions comes between them. */
export type TopicRoutesEvents = Omit<PassageEvents, "onPresence"> & {
  /** The topic is joined on its first route, at first or anew. */
  readonly onJoined: (sids: readonly Sid[]) => void;
  /** Its last route is down. */
  readonly onDown: () => void;
  /** These are still here, by another route than before: what was on its way, there or back, may be lost. */
  readonly onRerouted: (sids: readonly Sid[]) => void;
  readonly onPresence: (sid: Sid, presence: Uint8Array) => void;
  readonly onOmitted: RouteEvents["omitted"];
  /** What is sent there waits at a relay, or no more. `to` undefined: what goes to all. */
  readonly onCongestion: (congestion: { readonly to: Sid | undefined; readonly isCongested: boolean }) => void;
  /** No relay takes the topic back. */
  readonly onEnded: (error: PosternError) => void;
};

/**
 * One topic on several lines at once. A session is here as long as it is heard on any of them. What goes to it takes the quickest
 * route on which it is heard, and keeps to it; what goes to all takes as few routes as reach everybody. When a route breaks, the
 * others are there already.
 */
export class TopicRoutes implements Carrier, RouteEvents {
  readonly #parts: Pick<RouteParts, "ownSid" | "openPassage">;
  readonly #events: TopicRoutesEvents;
  readonly #routes = new Set<Route>();
  /** Everybody who is here, and by which route. */
  readonly #chosen = new Map<Sid, Route>();
  /** The fewest routes by which all are reached, and those on which anything is sent; to be found anew where they are not known. */
  #cover: readonly Route[] = [];
  #used: readonly Route[] = [];
  #isCoverKnown = true;
  #isUp = false;
  #closing: Promise<unknown> | undefined;
  #presence: Uint8Array | undefined;
  #isCongested = false;

  constructor(parts: Pick<RouteParts, "ownSid" | "openPassage">, events: TopicRoutesEvents) {
    this.#parts = parts;
    this.#events = events;
  }

  /** Joins the topic on one more line. */
  add(way: Way): Route {
    const route = new Route(way, { ...this.#parts, presence: this.#presence, events: this });
    this.#routes.add(route);
    route.open();
    return route;
  }

  /** Leaves it on one line. Resolves when that is over. Never rejects. */
  async remove(route: Route): Promise<void> {
    if (!this.#routes.delete(route)) return;
    const left = route.leave();
    this.down(route);
    await left;
  }

  /** Leaves it everywhere. Nothing more is told. Never rejects. */
  close(): Promise<unknown> {
    this.#closing ??= Promise.all([...this.#routes].map((route) => route.leave()));
    this.#routes.clear();
    return this.#closing;
  }

  /** Looks again whether another route has become quicker for somebody. */
  review(): void {
    this.#isCoverKnown = false;
    this.#tellDistances();
    const moved: Sid[] = [];
    for (const [sid, route] of this.#chosen) {
      const best = this.#best(sid, route) ?? route;
      if (best === route) continue;
      this.#choose(sid, best);
      moved.push(sid);
    }
    if (moved.length > 0) this.#events.onRerouted(moved);
    this.#tellCongestion();
  }

  /** The largest frame that every route takes. */
  get maxPayloadBytes(): number {
    return Math.min(...[...this.#routes].map((route) => route.maxPayloadBytes));
  }

  get isWritable(): boolean {
    this.#findCover();
    return this.#used.length > 0 && this.#used.every(({ passage }) => passage.carrier.isWritable);
  }

  get hasLists(): boolean {
    this.#findCover();
    return this.#used.length > 0 && this.#used.every(({ passage }) => passage.carrier.hasLists);
  }

  toAll(frame: Uint8Array): void {
    this.#findCover();
    for (const { passage } of this.#cover) passage.carrier.toAll(frame);
  }

  toPeers(sids: readonly Sid[], frame: Uint8Array): void {
    for (const [route, group] of Map.groupBy(sids, (sid) => this.#chosen.get(sid))) {
      route?.passage.carrier.toPeers(group, frame);
    }
  }

  /** Shows this on each connection from now on. */
  show(presence: Uint8Array): void {
    this.#presence = presence;
    for (const { passage } of this.#routes) passage.show(presence);
  }

  /** Delivery has given up this session. */
  gone(sid: Sid): void {
    for (const { passage } of this.#routes) passage.gone(sid);
  }

  /** Resolves when those who were there at the first join are heard, or will not be. */
  async met(): Promise<void> {
    await this.#joined()[0]?.passage.met();
  }

  /** Resolves when what was sent so far is on its lines. */
  async settled(): Promise<void> {
    await Promise.all([...this.#routes].map(({ passage }) => passage.settled()));
  }

  joined(route: Route, sids: readonly Sid[]): void {
    this.#isCoverKnown = false;
    if (!this.#isUp) {
      this.#isUp = true;
      this.#isCongested = false;
      for (const sid of sids) this.#choose(sid, route);
      this.#events.onJoined(sids);
      return this.#tellDistances();
    }
    if (this.#joined().some((other) => other !== route && route.meets(other))) {
      route.way.onDoubled();
      return void this.remove(route);
    }
    for (const sid of sids) this.#look(route, sid);
    this.#tellDistances();
  }

  down(route: Route): void {
    const lost = [...route.here];
    for (const sid of [...lost, ...route.presences.keys()]) route.forget(sid);
    if (this.#joined().length > 0) return this.#lost(route, lost);
    this.#isCoverKnown = false;
    this.#chosen.clear();
    if (this.#isUp) this.#events.onDown();
    this.#isUp = false;
  }

  here(route: Route, sid: Sid): void {
    this.#look(route, sid);
    if (this.#routes.size > 1) route.tellDistance([sid]);
  }

  located(route: Route, sid: Sid): void {
    this.#look(route, sid);
  }

  /** It is heard there, or is nearer than was known. */
  #look(route: Route, sid: Sid): void {
    this.#isCoverKnown = false;
    const known = this.#chosen.get(sid);
    const best = this.#best(sid, known) ?? route;
    if (best === known) return;
    this.#choose(sid, best);
    if (known === undefined) this.#events.onHere(sid);
    else this.#events.onRerouted([sid]);
  }

  away(route: Route, sid: Sid): void {
    this.#lost(route, [sid]);
  }

  shows(route: Route, sid: Sid, presence: Uint8Array): void {
    // The others show the same, a little earlier or later.
    if ((this.#chosen.get(sid) ?? route) === route) this.#events.onPresence(sid, presence);
  }

  congestion(route: Route, sid: Sid | undefined, isCongested: boolean): void {
    if (sid === undefined) this.#tellCongestion();
    else if (this.#chosen.get(sid) === route) this.#events.onCongestion({ to: sid, isCongested });
  }

  ended(route: Route, error: PosternError): void {
    this.#routes.delete(route);
    void route.leave();
    route.way.onEnded(error);
    this.down(route);
    if (this.#routes.size === 0) this.#events.onEnded(error);
  }

  frame(...of: Parameters<TopicRoutesEvents["onFrame"]>): void {
    this.#events.onFrame(...of);
  }

  writable(): void {
    if (this.isWritable) this.#events.onWritable();
  }

  classic(peerId: string): void {
    this.#events.onClassic(peerId);
  }

  fault(...of: Parameters<TopicRoutesEvents["onFault"]>): void {
    this.#events.onFault(...of);
  }

  omitted(...of: Parameters<TopicRoutesEvents["onOmitted"]>): void {
    this.#events.onOmitted(...of);
  }

  /** Where there is a choice, the others have to know. */
  #tellDistances(): void {
    if (this.#routes.size > 1) for (const route of this.#routes) route.tellDistance();
  }

  #joined(): Route[] {
    return [...this.#routes].filter(({ isJoined }) => isJoined);
  }

  /** These are not heard on this route any more, and perhaps on others. */
  #lost(route: Route, sids: readonly Sid[]): void {
    const wasInCover = this.#cover.includes(route);
    this.#isCoverKnown = false;
    const rerouted: Sid[] = [];
    for (const sid of sids) {
      const known = this.#chosen.get(sid);
      const next = this.#best(sid, known);
      if (known === undefined) continue;
      if (next === undefined) {
        this.#chosen.delete(sid);
        this.#events.onAway(sid);
      } else if (known === route || wasInCover) {
        this.#choose(sid, next);
        rerouted.push(sid);
      }
    }
    if (rerouted.length > 0) this.#events.onRerouted(rerouted);
    this.#tellCongestion();
    this.writable();
  }

  /** The quickest route on which it is heard; the present one unless another is worth it. */
  #best(sid: Sid, present: Route | undefined): Route | undefined {
    let best: Route | undefined;
    for (const route of this.#routes) {
      if (!route.isJoined || !route.here.has(sid)) continue;
      if (best === undefined || costOf(route, present, sid) < costOf(best, present, sid)) best = route;
    }
    return best;
  }

  #choose(sid: Sid, route: Route): void {
    const known = this.#chosen.get(sid);
    if (known === route) return;
    this.#isCoverKnown = false;
    this.#chosen.set(sid, route);
    const presence = route.presences.get(sid);
    if (known !== undefined && presence !== undefined) this.#events.onPresence(sid, presence);
  }

  #findCover(): void {
    if (this.#isCoverKnown) return;
    this.#isCoverKnown = true;
    const [present] = this.#cover;
    const routes = this.#joined().toSorted((a, b) => costOf(a, present) - costOf(b, present));
    // Who is heard anywhere is among the chosen: where as many are heard, all are.
    const all = routes.find(({ here }) => here.size === this.#chosen.size);
    this.#cover = all === undefined ? coverOf(routes, new Set(this.#chosen.keys())) : [all];
    this.#used = routes.length === 1 ? routes : [...new Set([...this.#cover, ...this.#chosen.values()])];
  }

  #tellCongestion(): void {
    this.#findCover();
    const isCongested = this.#cover.some((route) => route.isCongested);
    if (isCongested === this.#isCongested) return;
    this.#isCongested = isCongested;
    this.#events.onCongestion({ to: undefined, isCongested });
  }
}

/** The present one is changed for one alone that is worth it. */
function costOf(route: Route, present: Route | undefined, sid?: Sid): number {
  return route.roundTripMs(sid) - (route === present ? WORTH_MS : 0);
}

/** The fewest of these routes, or nearly so, by which all are reached; of those that reach as many, the first. */
function coverOf(routes: readonly Route[], sids: Set<Sid>): Route[] {
  const cover: Route[] = [];
  while (sids.size > 0) {
    const reached = routes.map(({ here }) => [...here].filter((sid) => sids.has(sid)).length);
    const best = routes[reached.indexOf(Math.max(...reached))];
    if (best === undefined || cover.includes(best)) break;
    cover.push(best);
    for (const sid of best.here) sids.delete(sid);
  }
  return cover;
}
