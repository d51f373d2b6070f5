import { arch, availableParallelism, cpus, release, totalmem, type } from "node:os";
import type { Isolation } from "./isolation.ts";

/** What all figures depend on, for people. */
export function describeHardware(): Readonly<Record<"processor" | "memory" | "system", string>> {
  const model = cpus()[0]?.model.trim() ?? "unknown";
  return {
    processor: `${model}, ${availableParallelism()} cores, ${arch()}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${type()} ${release()}, Node ${process.versions.node}, OpenSSL ${process.versions.openssl}`,
  };
}

/** The same, and how the benchmark uses it. */
export function describeMachine({ network, cores }: Isolation): Readonly<Record<string, string>> {
  return { ...describeHardware(), transport: "TLS 1.3, TLS_AES_128_GCM_SHA256, ECDSA P-256", network, cores };
}
