import { describe, expect, it } from "vitest";
import {
  AcmeError,
  ProblemError,
  readProblem,
  toAcmeError,
  UnreachableError,
} from "../../relay/tls/acme/acme-error.ts";
import { retryAfterMs } from "../../relay/tls/acme/transport.ts";

const problem = (type: string, detail: string, more: object = {}) => ({
  type: `urn:ietf:params:acme:error:${type}`,
  detail,
  ...more,
});

describe("a problem of the CA", () => {
  it("keeps its type and its detail, and those of its parts", () => {
    const subproblems = [problem("dns", "no such name"), problem("caa", "forbidden")];

    expect(readProblem(problem("compound", "two of them", { subproblems }))).toEqual({
      type: "compound",
      detail: "two of them; no such name; forbidden",
    });
  });

  it("loses tokens, key authorizations and digests, and keeps names", () => {
    const token = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA";
    const name = "a-relay-with-a-long-name-for-good-measure.example.com";
    const detail = `Invalid response from http://${name}/.well-known/acme-challenge/${token}: "${token}.${token}" != ${"0f".repeat(32)}`;

    const read = readProblem(problem("unauthorized", detail)).detail;

    expect(read).toBe(
      `Invalid response from http://${name}/.well-known/acme-challenge/[hidden]: "[hidden].[hidden]" != [hidden]`,
    );
  });

  it("is one line of bounded length", () => {
    const { detail } = readProblem(problem("malformed", `first\r\nsecond\u0000 ${"word ".repeat(200)}`));

    expect(detail).toMatch(/^first second {2}word/);
    expect(detail.length).toBeLessThan(410);
  });

  it.each([undefined, null, 5, "text", [], { type: 5, detail: {} }])("is empty where it is none: %j", (value) => {
    expect(readProblem(value)).toEqual({ type: "", detail: "" });
  });
});

const codeOf = (error: unknown) => toAcmeError(error).code;
const refused = (status: number, type: string) => new ProblemError(status, { type, detail: "" }, undefined);

describe("the code of a failure", () => {
  it.each([
    ["rate-limited", refused(429, "rateLimited")],
    ["rate-limited", refused(403, "rateLimited")],
    ["rate-limited", refused(429, "")],
    ["ca-unreachable", refused(503, "serverInternal")],
    ["ca-refused", refused(403, "unauthorized")],
    ["ca-refused", refused(400, "unsupportedIdentifier")],
    ["ca-unreachable", new UnreachableError("ECONNREFUSED", "")],
    ["ca-unreachable", new UnreachableError("DEPTH_ZERO_SELF_SIGNED_CERT", "")],
    ["clock-wrong", new UnreachableError("CERT_NOT_YET_VALID", "")],
    ["clock-wrong", new UnreachableError("CERT_HAS_EXPIRED", "")],
    ["ca-refused", new TypeError("Cannot read properties of undefined")],
    ["budget-spent", new AcmeError("budget-spent", "")],
  ])("is %s for %s", (code, error) => {
    expect(codeOf(error)).toBe(code);
  });

  it("comes with how long the CA asks to be left alone", () => {
    const error = new ProblemError(429, { type: "rateLimited", detail: "too many" }, 90_000);

    expect(toAcmeError(error)).toMatchObject({ retryAfterMs: 90_000, message: "rateLimited: too many" });
  });
});

it("reads Retry-After as seconds and as a date, and nothing else", () => {
  const nowMs = Date.UTC(2026, 10, 21);
  const read = (value: string) => retryAfterMs({ "retry-after": value }, nowMs);

  expect(read("120")).toBe(120_000);
  expect(read("Sat, 21 Nov 2026 00:01:00 GMT")).toBe(60_000);
  expect(["0", "-5", "soon", "Sat, 21 Nov 2020 00:01:00 GMT", ""].map(read)).toEqual(Array(5).fill(undefined));
});
