import { hostname } from "node:os";
import { join } from "node:path";
import type { Logger } from "pino";
import type { Clock } from "../clock.ts";
import type { Config } from "../config/options.ts";
import { directoryUrlOf } from "./acme/directory.ts";
import type { AcmeOptions } from "./acme/options.ts";
import type { AlpnChallenges } from "./alpn-challenges.ts";
import type { CertificateSource } from "./source.ts";
import type { CertificateStore } from "./store/ports.ts";

/** What the sources use. */
export type SourceParts = { readonly clock: Clock; readonly log: Logger; readonly challenges: AlpnChallenges };

/** Makes the source that the options name. What a source needs is loaded for that source alone: it is megabytes. */
export async function createSource(
  { clock, log, challenges }: SourceParts,
  config: Config,
): Promise<CertificateSource> {
  switch (config.tls) {
    case "acme": {
      const { AcmeSource } = await import("./acme/acme-source.ts");
      return new AcmeSource({ clock, log, challenges, store: await createStore(config) }, acmeOptions(config));
    }
    case "files": {
      const { FilesSource } = await import("./files-source.ts");
      return new FilesSource({ clock, log }, { keyFile: config.tlsKeyFile, certificateFile: config.tlsCertFile });
    }
    case "self-signed": {
      const { SelfSignedSource } = await import("./self-signed-source.ts");
      return new SelfSignedSource({ clock }, { names: ownNames(config) });
    }
    case "off":
      throw new TypeError("a relay without TLS has no certificate");
  }
}

/** Makes the store that the options name, for what an authority gave. */
export async function createStore({ keyVaultUrl, azureClientId, stateDirectory }: Config): Promise<CertificateStore> {
  if (keyVaultUrl !== "") {
    const { KeyVaultStore } = await import("./store/key-vault-store.ts");
    return new KeyVaultStore({ vaultUrl: keyVaultUrl, clientId: azureClientId });
  }
  const { DirectoryStore } = await import("./store/directory-store.ts");
  return new DirectoryStore(join(stateDirectory, "certificates"));
}

/** The URL of the authority's directory: of the name, or the URL itself. */
export function acmeDirectoryUrl({ acmeDirectory }: Config): string {
  return directoryUrlOf(acmeDirectory) ?? acmeDirectory;
}

/** What an ACME source asks for, of the options. */
export function acmeOptions(config: Config): AcmeOptions {
  const { acmeEabKeyId: keyId, acmeEabHmacKey: hmacKey } = config;
  return {
    names: config.domain,
    email: config.email,
    directoryUrl: acmeDirectoryUrl(config),
    profile: config.acmeProfile,
    preferredChain: config.acmePreferredChain,
    eab: keyId === "" ? undefined : { keyId, hmacKey },
    httpPort: config.acmeHttpPort,
    httpHost: config.host,
    agreeTerms: config.acmeAgreeTerms,
    caFile: config.acmeCaFile,
  };
}

/** Good for this machine by name and by loopback address, and for the names that clients dial. */
function ownNames({ host, domain }: Config): readonly string[] {
  return ["localhost", "127.0.0.1", "::1", hostname(), host, ...domain];
}
