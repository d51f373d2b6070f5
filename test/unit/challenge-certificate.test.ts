import { createHash, X509Certificate } from "node:crypto";
import { connect, createServer, type TlsOptions } from "node:tls";
import { crypto as acmeCrypto } from "acme-client";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { createChallengeCertificate } from "../../relay/tls/acme/challenge-certificate.ts";
import { derOf, readDer } from "../../relay/tls/acme/der.ts";
import { addressBytes } from "../../relay/tls/address.ts";
import { AlpnChallenges, serverNameOf } from "../../relay/tls/alpn-challenges.ts";

const NOW_MS = Date.UTC(2026, 10, 21, 12);
const KEY_AUTHORIZATION = "token.thumbprint";

describe("a challenge certificate", () => {
  const { key, certificate } = createChallengeCertificate("relay.example", KEY_AUTHORIZATION, NOW_MS);
  const parsed = new X509Certificate(certificate);

  it("is for the one name, signed by itself, and valid around now", () => {
    expect(parsed.subjectAltName).toBe("DNS:relay.example");
    expect(parsed.verify(parsed.publicKey)).toBe(true);
    expect(Date.parse(parsed.validFrom)).toBe(NOW_MS - 86_400_000);
    expect(Date.parse(parsed.validTo)).toBe(NOW_MS + 7 * 86_400_000);
    expect(parsed.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: "prime256v1" });
  });

  it("holds the digest of the key authorization, as another implementation reads it", () => {
    expect(acmeCrypto.isAlpnCertificateAuthorizationValid(certificate, KEY_AUTHORIZATION)).toBe(true);
    expect(acmeCrypto.isAlpnCertificateAuthorizationValid(certificate, "another")).toBe(false);
    expect(parsed.raw.includes(createHash("sha256").update(KEY_AUTHORIZATION).digest())).toBe(true);
  });

  it.each(["192.0.2.7", "2001:db8::7"])("is for an address: %s", (address) => {
    const { certificate: pem } = createChallengeCertificate(address, KEY_AUTHORIZATION, NOW_MS);

    expect(new X509Certificate(pem).checkIP(address)).toBe(address);
  });

  it.each(["TLSv1.2", "TLSv1.3"] as const)("is served to clients with %s", async (version) => {
    const options: TlsOptions = { key, cert: certificate, minVersion: version, maxVersion: version };
    const server = createServer(options).listen(0, "127.0.0.1");
    onTestFinished(() => {
      server.close();
    });
    await new Promise((resolve) => server.once("listening", resolve));
    const address = server.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;

    const protocol = await new Promise((resolve, reject) => {
      const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
        resolve(socket.getProtocol());
        socket.destroy();
      });
      socket.on("error", reject);
    });

    expect(protocol).toBe(version);
  });
});

const hex = (text: string) => addressBytes(text)?.toString("hex");

describe("challenges by name", () => {
  const pair = createChallengeCertificate("relay.example", KEY_AUTHORIZATION, NOW_MS);

  it("are there from add to remove, in any case of the name, and no others", () => {
    const challenges = new AlpnChallenges();

    challenges.add("Relay.example", pair);

    expect(challenges.contextFor("relay.EXAMPLE")).toBeDefined();
    expect(challenges.contextFor("other.example")).toBeUndefined();
    challenges.remove("relay.example");
    expect(challenges.contextFor("relay.example")).toBeUndefined();
    expect(challenges.answerCount).toBe(1);
  });

  it("of an address are asked for under its name in the reverse DNS", () => {
    expect(serverNameOf("192.0.2.7")).toBe("7.2.0.192.in-addr.arpa");
    expect(serverNameOf("2001:db8::7")).toBe(
      "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
    );
  });

  it("know all forms of an address", () => {
    expect(hex("::")).toBe("0".repeat(32));
    expect(hex("::ffff:192.0.2.7")).toBe("00000000000000000000ffffc0000207");
    expect(hex("2001:DB8:0:0:0:0:0:1")).toBe(hex("2001:db8::1"));
    expect(hex("relay.example")).toBeUndefined();
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const wanted = Buffer.from(bytes).toString("hex");
        expect(hex(wanted.replaceAll(/.{4}(?=.)/g, "$&:"))).toBe(wanted);
      }),
    );
  });
});

describe("DER", () => {
  it("is read as it was written, at all lengths", () => {
    for (const length of [0, 1, 127, 128, 255, 256, 65_535, 65_536]) {
      const content = Buffer.alloc(length, 7);
      expect(readDer(Buffer.concat([derOf(4, content), derOf(5)]))).toEqual([
        { tag: 4, content },
        { tag: 5, content: Buffer.alloc(0) },
      ]);
    }
  });

  it("that is cut off is refused, and no bytes make the reader hang or fail in another way", () => {
    expect(() => readDer(derOf(4, Buffer.alloc(300)).subarray(0, 200))).toThrow(RangeError);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          readDer(Buffer.from(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});
