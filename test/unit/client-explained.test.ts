import { expect, it } from "vitest";
import { explained } from "../../client/node/explained.ts";

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
