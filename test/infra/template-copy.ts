import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Compiler, Deployment, Snapshot } from "./compiler.ts";

/** An image that stays the same when another one is published. */
const IMAGE = `ghcr.io/plures/postern@sha256:${"5a".repeat(32)}`;

/** Where the deployments of the tests go. */
const GROUP: Deployment = { location: "westeurope", resourceGroup: "relay-rg" };

/** The files that the templates are made of. */
export const TEMPLATES: readonly string[] = globSync([
  "relay.bicep",
  "infra/*.bicep",
  "infra/modules/*.bicep",
]).toSorted();
/** The files with parameters for them. */
export const PARAMETER_FILES: readonly string[] = globSync(["infra/*.bicepparam", "infra/env/*.bicepparam"]).toSorted();

/**
 * A copy of the templates in a folder of its own, with an image that was published, in which faults can be planted.
 * Whoever makes one removes it.
 */
export class TemplateCopy {
  readonly folder: string = mkdtempSync(join(tmpdir(), "postern-"));
  #files = 0;

  constructor() {
    for (const path of [...TEMPLATES, ...PARAMETER_FILES, "infra/relay-options.json"]) {
      cpSync(path, join(this.folder, path));
    }
    writeFileSync(this.path("infra/image.json"), JSON.stringify({ image: IMAGE }));
    // The linter has its say on the templates themselves; an evaluation is faster without it.
    writeFileSync(this.path("bicepconfig.json"), JSON.stringify({ analyzers: { core: { enabled: false } } }));
  }

  /** Removes it. */
  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** The path of a file in it. */
  path(name: string): string {
    return join(this.folder, name);
  }

  /** Replaces one text in one file. @throws Error where the file does not have it: then nothing would be tested. */
  plant(name: string, good: string, bad: string): void {
    const text = readFileSync(this.path(name), "utf8");
    if (!text.includes(good)) throw new Error(`${name} has no ${good}`);
    writeFileSync(this.path(name), text.replace(good, bad));
  }

  /** Compiles relay.bicep, for `evaluate`. A parameters file that uses the outcome is evaluated five times as fast. */
  async build(compiler: Compiler): Promise<void> {
    const { contents, diagnostics } = await compiler.compile(this.path("relay.bicep"));
    if (contents === null) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
    writeFileSync(this.path("relay.json"), contents);
  }

  /**
   * Evaluates what was built with parameters as a .bicepparam file has them.
   * @throws Refusal where the template refuses.
   */
  async evaluate(compiler: Compiler, parameters: string, where: Deployment = GROUP): Promise<Snapshot> {
    this.#files += 1;
    const path = this.path(`parameters-${this.#files}.bicepparam`);
    writeFileSync(path, `using 'relay.json'\n${parameters}\n`);
    return compiler.snapshot(path, where);
  }
}
