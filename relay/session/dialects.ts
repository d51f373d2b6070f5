import type { Accounts } from "./accounts.ts";
import type { Asked, Dialect, Route, TrafficReading } from "./ports.ts";

/** An address as it was asked for. */
export type Target = {
  /** Without the query; as it came. */
  readonly path: string;
  /** The Host header in lower case, without a port. */
  readonly host: string;
  /** The port of the relay's own that the connection came by. */
  readonly port: number | undefined;
};

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

  /**
   * @param all in the order in which they are asked.
   * @param apart names of those that are not on the shared port, but on ports of their own alone.
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
    this.#byPort.set(
      port,
      this.#all.filter(({ name }) => names.includes(name)),
    );
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
  routesAt(target: Omit<Target, "host">): readonly { readonly route: Route; readonly path: string }[] {
    const { asked, dialects } = this.#locate({ ...target, host: "" });
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

  #locate({ path, host, port }: Target): Claim {
    const own = port === undefined ? undefined : this.#byPort.get(port);
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
