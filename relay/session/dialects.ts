import type { Accounts } from "./accounts.ts";
import type { Asked, Dialect, Route, Target, TrafficReading } from "./ports.ts";

/** Whose a request may be, and what it asks them for. */
export type Claim = { readonly asked: Asked; readonly dialects: readonly Dialect[] };

/** Sums by word. */
type Counts = Readonly<Record<string, number>>;

/** All dialects that are spoken here: where each is, whose a request may be, and what they count together. */
export class Dialects {
  readonly #all: readonly Dialect[];
  readonly #shared: readonly Dialect[];
  /** Those that have a port to themselves, by port. */
  readonly #byPort = new Map<number, readonly Dialect[]>();
  /** Those that have a name to themselves, by name. */
  readonly #byHost = new Map<string, readonly Dialect[]>();

  /**
   * @param all in the order in which they are asked.
   * @param apart names of those that are not at the shared address, but at ports and names of their own alone.
   */
  constructor(all: readonly Dialect[], apart: readonly string[] = []) {
    this.#all = all;
    this.#shared = all.filter(({ name }) => !apart.includes(name));
  }

  /** Every kind of client of every dialect. */
  get clients(): readonly { readonly dialect: string; readonly client: string }[] {
    return this.#all.flatMap(({ name, clients }) => clients.map((client) => ({ dialect: name, client })));
  }

  /** From now on what comes by this port is for these dialects alone. @param names a name that is none of them is passed over. */
  listenOn(port: number, names: readonly string[]): void {
    this.#byPort.set(port, this.#named(names));
  }

  /** From now on what is asked of this host is for these dialects alone, but where it comes by a port that is for others. */
  answerAs(host: string, names: readonly string[]): void {
    this.#byHost.set(host, this.#named(names));
  }

  /** Whether an address is for some dialects alone, as if the relay were their original. */
  isApart(target: Target): boolean {
    return this.#apartAt(target) !== undefined;
  }

  /**
   * Whose an upgrade request may be; empty: nobody's. Of several, the first whose `claimsFirst` takes the first message
   * has the conversation, or else the last one. What begins with a prefix is for those who have it, and for no other.
   */
  claiming(target: Target): Claim {
    const { asked, dialects } = this.#locate(target);
    return { asked, dialects: dialects.filter((dialect) => dialect.claims(asked)) };
  }

  /** The pages of dialects at an address, for plain HTTP, with the path that each is asked for. */
  routesAt(target: Target): readonly { readonly route: Route; readonly path: string }[] {
    const { asked, dialects } = this.#locate(target);
    return dialects
      .flatMap(({ routes }) => routes)
      .filter(({ path, place }) => matches(path, asked.path) && (place === undefined || place === asked.place))
      .map((route) => ({ route, path: asked.path }));
  }

  /** What all of them show of themselves, added up. */
  figures(): { readonly health: Counts; readonly stats: Counts } {
    const figures = this.#all.flatMap((dialect) => dialect.figures?.() ?? []);
    return { health: sumOf(figures.map(({ health }) => health)), stats: sumOf(figures.map(({ stats }) => stats)) };
  }

  /** Who is registered, of each dialect that keeps accounts. */
  accounts(): readonly Accounts[] {
    return this.#all.flatMap(({ accounts }) => accounts ?? []);
  }

  /** To be called once a second. */
  lookAround(): void {
    for (const dialect of this.#all) dialect.lookAround?.();
  }

  traffic(): readonly TrafficReading[] {
    return this.#all.flatMap((dialect) => dialect.traffic());
  }

  /** Messages that were not taken, by reason, of all dialects together. */
  rejected(): Counts {
    return sumOf(this.#all.map((dialect) => dialect.rejected()));
  }

  #named(names: readonly string[]): readonly Dialect[] {
    return this.#all.filter(({ name }) => names.includes(name));
  }

  #apartAt({ port, host }: Target): readonly Dialect[] | undefined {
    // RFC 1034 section 3.1: a name with a dot behind it is the same name.
    return (port === undefined ? undefined : this.#byPort.get(port)) ?? this.#byHost.get(host.replace(/\.$/, ""));
  }

  #locate(target: Target): Claim {
    const { path, host } = target;
    const own = this.#apartAt(target);
    const here = own ?? this.#shared;
    const prefix = here.find((dialect) => isUnder(path, dialect.prefix))?.prefix;
    if (prefix === undefined) return { asked: { path, host, place: own ? "own" : "shared" }, dialects: here };
    const asked = { path: path.slice(prefix.length) || "/", host, place: "own" } as const;
    return { asked, dialects: here.filter((dialect) => dialect.prefix === prefix) };
  }
}

function isUnder(path: string, prefix: string | undefined): boolean {
  return prefix !== undefined && (path === prefix || path.startsWith(`${prefix}/`));
}

function matches(pattern: string, path: string): boolean {
  if (!pattern.endsWith("*")) return pattern === path;
  const start = pattern.slice(0, -1);
  return path.startsWith(start) && path.length > start.length && !path.slice(start.length).includes("/");
}

function sumOf(counts: readonly Counts[]): Counts {
  const sums: Record<string, number> = {};
  for (const each of counts) for (const [word, count] of Object.entries(each)) sums[word] = (sums[word] ?? 0) + count;
  return sums;
}
