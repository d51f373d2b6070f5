import { ConnectError } from "../errors.ts";

/** More are no list of relays. */
const MAX_ADDRESSES = 64;

/** @returns each address to dial once, in their order. @throws ConnectError `address-invalid`; `option-invalid`: none, or too many */
export function checkedAddresses(addresses: readonly string[]): string[] {
  if (!Array.isArray(addresses) || addresses.length === 0 || addresses.length > MAX_ADDRESSES) {
    throw new ConnectError("option-invalid", { cause: `relays: 1 to ${MAX_ADDRESSES} addresses` });
  }
  return [...new Set(addresses.map(checkedAddress))];
}

function checkedAddress(address: string): string {
  try {
    const url = new URL(address);
    url.hash = "";
    if (url.protocol === "wss:" || url.protocol === "ws:") return url.href;
  } catch {
    // Said below.
  }
  throw new ConnectError("address-invalid");
}
