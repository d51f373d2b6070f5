import { expect, it } from "vitest";
import { explained } from "../../client/node/explained.ts";

const refused = (address: string): Error => failure("ECONNREFUSED", { address });
const failure = (code: string, fields: object = {}): Error =>
  Object.assign(new Error("what Node says"), { code, ...fields });

it.each([
  ["ENOTFOUND", "DNS"],
  ["ECONNREFUSED", "nothing listens"],
  ["CERT_HAS_EXPIRED", "expired"],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "self-signed"],
  ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "not trusted"],
])("says what %s means, and keeps the name", (code, words) => {
  const { message, cause } = explained(failure(code), "relay.test");

  expect(message).toContain(words);
  expect(message).toContain(`(${code})`);
  expect(cause).toMatchObject({ code });
});

it("names whom a certificate is for, and for whom not", () => {
  const cert = { subjectaltname: "DNS:a.test, DNS:b.test, IP Address:10.0.0.1, DNS:c.test, DNS:d.test" };

  const { message } = explained(failure("ERR_TLS_CERT_ALTNAME_INVALID", { cert }), "relay.test");

  expect(message).toContain("the certificate is for a.test, b.test, 10.0.0.1 and 2 more, not for relay.test");
  expect(explained(failure("ERR_TLS_CERT_ALTNAME_INVALID"), "relay.test").message).toContain("for another name");
});

it("tells plain HTTP from TLS, and takes the first of several addresses", () => {
  const plain = Object.assign(new Error("SSL routines:wrong version number"), { code: "EPROTO" });

  expect(explained(plain, "relay.test").message).toContain("speaks no TLS");
  expect(explained(new AggregateError([failure("ECONNREFUSED"), plain]), "relay.test").message).toContain(
    "nothing listens",
  );
  expect(explained(failure("ESOMETHING"), "relay.test").message).toBe("what Node says");
  expect(explained("text", "relay.test").message).toBe("text");
});

it("says what a second look has shown", () => {
  const certificate = { issuer: "Corp Root", from: "Jan 1 00:00:00 2026 GMT", until: "Jan 1 00:00:00 2027 GMT" };

  expect(explained(failure("SELF_SIGNED_CERT_IN_CHAIN"), "relay.test", { certificate }).message).toMatch(
    /not trusted.*; it is signed by Corp Root, for the time from Jan 1 .* to Jan 1 /,
  );
  expect(explained(failure("ESOMETHING"), "relay.test", { isNarrow: true }).message).toContain("the path's MTU");
});

it.each([
  [112, "a filter refuses it (TLS alert 112)"],
  [49, "as filters do it (TLS alert 49)"],
  [120, "HTTP/2 alone"],
])("reads the alert %i by its number", (alert, words) => {
  const error = Object.assign(new Error(`ssl3_read_bytes:tlsv1 alert:SSL alert number ${alert}\n`), { code: "EPROTO" });

  expect(explained(error, "relay.test").message).toContain(words);
});

it("finds a name that a filter in the DNS leads to this machine", () => {
  expect(explained(refused("0.0.0.0"), "relay.test").message).toContain("a filter in the DNS");
  expect(explained(refused("127.0.0.1"), "localhost").message).toContain("nothing listens");
  expect(explained(refused("127.0.0.1"), "127.0.0.1").message).toContain("nothing listens");
  expect(explained(refused("192.0.2.1"), "relay.test").message).toContain("nothing listens");
});

it("explains once", () => {
  const once = explained(failure("ENOTFOUND"), "relay.test");

  expect(explained(once, "other.test")).toBe(once);
});
