import { existsSync, readFileSync } from "node:fs";
import { NotReady } from "./preflight.ts";

/** What a deployment gives to the template: values on the command line, which win, and a file. */
export class GivenParameters {
  /** `name=value`, as the Azure CLI takes them. */
  readonly values: readonly string[];
  readonly #file: string | undefined;

  constructor(values: readonly string[], file: string | undefined) {
    this.values = values;
    this.#file = file;
  }

  /** Whether a parameter is given at all. */
  has(name: string): boolean {
    return this.#onCommandLine(name) !== undefined || this.#inFile(name) !== undefined;
  }

  /**
   * The value of a parameter that is text; undefined where it is left to the template.
   * @throws NotReady where the file has no plain text for it.
   */
  text(name: string): string | undefined {
    const given = this.#onCommandLine(name);
    if (given !== undefined) return given;
    const expression = this.#inFile(name);
    const literal = expression === undefined ? undefined : /^'([^'$]*)'$/.exec(expression)?.[1];
    if (expression === undefined || literal !== undefined) return literal;
    throw new NotReady(`${this.#file} has no plain text for ${name}: say it, with --parameter ${name}=...`);
  }

  /** Whether a parameter that is true or false is given as true. */
  isTrue(name: string): boolean {
    return (this.#onCommandLine(name) ?? this.#inFile(name)) === "true";
  }

  #onCommandLine(name: string): string | undefined {
    return this.values.findLast((value) => value.startsWith(`${name}=`))?.slice(name.length + 1);
  }

  /** The expression behind `param name =`; of a JSON file, its value written as one. */
  #inFile(name: string): string | undefined {
    if (this.#file === undefined || !existsSync(this.#file)) return undefined;
    const text = readFileSync(this.#file, "utf8");
    if (this.#file.endsWith(".bicepparam")) return new RegExp(`^param ${name} = *(.*)$`, "m").exec(text)?.[1]?.trim();
    const value = valueIn(text, name);
    return typeof value === "string" ? `'${value}'` : JSON.stringify(value);
  }
}

/** The value of a parameter in JSON. Azure also takes comments there: then it is some value, if the name is there at all. */
function valueIn(text: string, name: string): unknown {
  try {
    const { parameters } = JSON.parse(text) as { readonly parameters?: Readonly<Record<string, { value: unknown }>> };
    return parameters?.[name]?.value;
  } catch {
    return text.includes(`"${name}"`) ? null : undefined;
  }
}
