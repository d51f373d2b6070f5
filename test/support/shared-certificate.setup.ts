import type { TestProject } from "vitest/node";
import type { TlsMaterial } from "../../relay/tls/material.ts";
import { createSelfSigned } from "../../relay/tls/self-signed.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** See shared-certificate.ts. */
    readonly sharedCertificate: TlsMaterial;
  }
}

/** Makes the certificate that the tests of this run share. Vitest calls it before them. */
export function setup(project: TestProject): void {
  const notBefore = new Date(Date.now() - 60_000);
  const names = ["localhost", "127.0.0.1", "::1"];
  project.provide("sharedCertificate", createSelfSigned({ names, notBefore, lifetimeDays: 365 }));
}
