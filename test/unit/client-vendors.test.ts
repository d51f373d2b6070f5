import { expect, it } from "vitest";
import { vendorOf } from "../../client/node/vendors.ts";

it.each([
  ["Zscaler Inc., Zscaler Intermediate Root CA (zscaler.net)", "Zscaler"],
  ["Fortinet, FG100FTK19000000", "Fortinet"],
  ["Palo Alto Networks, Decryption", "Palo Alto Networks"],
  ["Cisco, Cisco Umbrella Secondary SubCA", "Cisco Umbrella"],
  ["Cloudflare, Inc., Gateway CA - Cloudflare Managed G1", "Cloudflare Gateway"],
  ["mitmproxy", "mitmproxy"],
  ["Let's Encrypt, R11", undefined],
  ["Cloudflare, Inc., Cloudflare TLS Issuing ECC CA 1", undefined],
  ["Cisco Systems, Cisco Basic Assurance Root CA 2099", undefined],
  ["DigiCert Inc, DigiCert Global G2 TLS RSA SHA256 2020 CA1", undefined],
  ["", undefined],
])("takes the issuer %j for one of %j", (issuer, vendor) => {
  expect(vendorOf(issuer)).toBe(vendor);
});
