import { lookup } from "node:dns/promises";

const POLL_MS = 5000;

/** Which name to look up, where it should lead, and how long to wait for that. */
export type LeadOptions = {
  readonly name: string;
  /** Azure's own name of the relay, empty behind a load balancer, and its address. */
  readonly relay: { readonly fqdn: string; readonly ip: string };
  /** 0 looks once. */
  readonly timeoutMs: number;
  readonly pollMs?: number;
  readonly addressesOf?: (name: string) => Promise<readonly string[]>;
};

/** Where a name leads. */
export type Lead = { readonly isHere: boolean; readonly addresses: readonly string[] };

/** Looks whether a name leads to a relay, again and again until it does or the time is over. */
export async function leadsHere({ name, relay, timeoutMs, ...options }: LeadOptions): Promise<Lead> {
  const addressesOf = options.addressesOf ?? lookUp;
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const addresses = await addressesOf(name);
    const wanted = new Set([relay.ip, ...(relay.fqdn === "" ? [] : await addressesOf(relay.fqdn))]);
    const isHere = addresses.some((address) => wanted.has(address));
    if (isHere || performance.now() >= deadlineMs) return { isHere, addresses };
    await new Promise((resolve) => {
      setTimeout(resolve, options.pollMs ?? POLL_MS);
    });
  }
}

/** The addresses of a name; none where it leads nowhere. */
async function lookUp(name: string): Promise<readonly string[]> {
  const found = await lookup(name, { all: true }).catch(() => []);
  return found.map(({ address }) => address);
}
