import { expect, it } from "vitest";
import { type ClientVisit, Returners } from "../../relay/limits/returners.ts";
import { FakeClock } from "../support/fake-clock.ts";

const OFFICE = "192.0.2.1";
const BARE = { asked: ["/"], hasCredential: false };
const withToken = (token: string) => ({ asked: ["/", token], hasCredential: true });

function scene() {
  const clock = new FakeClock();
  const returners = new Returners(clock);
  const come = (request = BARE, address = OFFICE): ClientVisit => returners.visit(address, request);
  /** Comes so often, is refused each time, and says how long each refusal was held back. */
  const refuse = (times: number, request = BARE, address = OFFICE): number[] =>
    Array.from({ length: times }, () => come(request, address).refused());
  return { clock, returners, come, refuse };
}

/** Whether each of so many is looked at. */
function ignored(times: number, come: () => ClientVisit): boolean[] {
  return Array.from({ length: times }, () => come().isIgnored());
}

it("holds refusals back from the eleventh within a minute on, a second at first and then five", () => {
  const { clock, refuse } = scene();

  const heldMs = refuse(21);
  clock.advance(60_000);

  expect(heldMs.slice(9, 11)).toEqual([0, 1000]);
  expect(heldMs.slice(19)).toEqual([1000, 5000]);
  expect(refuse(1)).toEqual([0]);
});

it("looks no more at a credential that was refused twenty times, until the minute is over, and at every other one", () => {
  const { clock, come, refuse } = scene();
  refuse(19, withToken("bad"));
  const before = come(withToken("bad")).isIgnored();

  refuse(1, withToken("bad"));

  expect([before, come(withToken("bad")).isIgnored()]).toEqual([false, true]);
  expect([come(withToken("good")).isIgnored(), come().isIgnored()]).toEqual([false, false]);
  expect(come(withToken("bad"), "192.0.2.2").isIgnored()).toBe(false);
  clock.advance(60_000);
  expect(come(withToken("bad")).isIgnored()).toBe(false);
});

it("lets one a second through of those that cannot be told from others, and so that they can show who they are", () => {
  const { clock, come, refuse } = scene();
  refuse(59);
  const before = ignored(3, come);

  refuse(1);

  expect(before).toEqual([false, false, false]);
  expect(ignored(3, come)).toEqual([false, true, true]);
  clock.advance(1000);
  const good = come();
  expect(good.isIgnored()).toBe(false);
  good.joined();
  expect(ignored(3, come)).toEqual([false, false, false]);
});

it("does not forgive who joins each time and is refused then", () => {
  const { come } = scene();

  const heldMs = Array.from({ length: 12 }, () => {
    const visit = come();
    visit.joined();
    const delayMs = visit.refused();
    visit.ended();
    return delayMs;
  });

  expect(heldMs.slice(9)).toEqual([0, 1000, 1000]);
});

it("does not count who is refused after a while: tokens end, and many of an office at once", () => {
  const { clock, come } = scene();
  const visits = Array.from({ length: 100 }, () => come());

  clock.advance(10_000);

  expect(new Set(visits.map((visit) => visit.refused()))).toEqual(new Set([0]));
  expect(come().refused()).toBe(0);
});

it("makes an address wait before TLS that goes on whatever it is told, eight at a time", () => {
  const { returners, come, refuse } = scene();
  refuse(20, withToken("bad"));
  ignored(19, () => come(withToken("bad")));
  const before = returners.park(OFFICE);

  come(withToken("bad")).isIgnored();

  expect(before).toBe("pass");
  expect(Array.from({ length: 9 }, () => returners.park(OFFICE))).toEqual([...Array(8).fill("wait"), "drop"]);
  returners.unpark(OFFICE);
  expect([returners.park(OFFICE), returners.park("192.0.2.2")]).toEqual(["wait", "pass"]);
});

it("lets no address wait where somebody is in, or has just shown a good token", () => {
  const { returners, come, refuse } = scene();
  const flood = () => {
    refuse(20, withToken("bad"));
    ignored(20, () => come(withToken("bad")));
  };
  const member = come(withToken("good"));
  member.joined();
  flood();
  const whileIn = returners.park(OFFICE);

  member.ended();
  const whenGone = returners.park(OFFICE);
  come(withToken("good")).granted();

  expect([whileIn, whenGone, returners.park(OFFICE)]).toEqual(["pass", "wait", "pass"]);
});

it("takes the /64 of IPv6 for one address", () => {
  const { come, refuse } = scene();

  refuse(20, withToken("bad"), "2001:db8::1");

  expect(come(withToken("bad"), "2001:db8::2").isIgnored()).toBe(true);
  expect(come(withToken("bad"), "2001:db8:0:1::1").isIgnored()).toBe(false);
});

it("holds back who presents something else each time, and looks at everything all the same", () => {
  const { come, refuse } = scene();

  const heldMs = Array.from({ length: 30 }, (_, index) => refuse(1, withToken(`${index}`))[0]);

  expect(heldMs.slice(-10)).toEqual(Array(10).fill(5000).fill(1000, 0, 8));
  expect(come(withToken("29")).isIgnored()).toBe(false);
});

it("remembers no more addresses than it may, and forgets the one that was refused longest ago", () => {
  const { returners, come, refuse } = scene();
  refuse(20, withToken("bad"), "10.0.0.0");
  refuse(20, withToken("bad"), "10.0.0.1");
  refuse(1, withToken("bad"), "10.0.0.0");

  for (let index = 2; index <= 1024; index += 1) refuse(1, BARE, `10.0.${index >> 8}.${index & 255}`);

  expect(returners.networkCount).toBe(1024);
  expect(come(withToken("bad"), "10.0.0.0").isIgnored()).toBe(true);
  expect(come(withToken("bad"), "10.0.0.1").isIgnored()).toBe(false);
});

it("counts each time that somebody was slowed", () => {
  const { returners, come, refuse } = scene();

  refuse(11, withToken("bad"));
  refuse(9, withToken("bad"));
  come(withToken("bad")).isIgnored();

  expect(returners.hitCount).toBe(11);
});
