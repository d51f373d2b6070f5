/** Products that intercept TLS, by words of the names in the certificates that they make. */
const vendors: readonly (readonly [pattern: RegExp, vendor: string])[] = [
  [/zscaler/i, "Zscaler"],
  [/netskope|goskope/i, "Netskope"],
  [/forcepoint|websense/i, "Forcepoint"],
  [/blue ?coat|symantec.*(web|proxy|inspection)/i, "Symantec (Blue Coat)"],
  [/palo ?alto|globalprotect/i, "Palo Alto Networks"],
  [/forti(net|gate|guard)/i, "Fortinet"],
  [/check ?point/i, "Check Point"],
  [/sophos/i, "Sophos"],
  [/cisco (umbrella|secure)|opendns/i, "Cisco Umbrella"],
  [/cloudflare (gateway|zero|for teams)|gateway ca - cloudflare/i, "Cloudflare Gateway"],
  [/iboss/i, "iboss"],
  [/barracuda/i, "Barracuda"],
  [/skyhigh|mcafee/i, "Skyhigh (McAfee)"],
  [/watchguard/i, "WatchGuard"],
  [/sonicwall/i, "SonicWall"],
  [/untangle/i, "Untangle"],
  [/kaspersky/i, "Kaspersky"],
  [/\beset\b/i, "ESET"],
  [/avast|\bavg\b/i, "Avast"],
  [/bitdefender/i, "Bitdefender"],
  [/lightspeed/i, "Lightspeed"],
  [/securly/i, "Securly"],
  [/goguardian/i, "GoGuardian"],
  [/mitmproxy/i, "mitmproxy"],
  [/\bsquid\b/i, "Squid"],
];

/** Whose product an issuer's names are of; undefined where they are none of these. */
export function vendorOf(issuer: string): string | undefined {
  return vendors.find(([pattern]) => pattern.test(issuer))?.[1];
}
