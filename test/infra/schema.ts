import { readdirSync, readFileSync } from "node:fs";

const FOLDER = "test/infra/schemas";

/** One object type of a resource. What is read-only may be read, and not written. */
type ObjectType = {
  readonly properties: Readonly<Record<string, string>>;
  readonly required?: readonly string[];
  readonly readOnly?: readonly string[];
};

/** What a resource type looks like in one API version. `Body` is the resource itself. */
export type Schema = {
  /** `Microsoft.KeyVault/vaults@2024-11-01`. */
  readonly resource: string;
  /** Where the file comes from. */
  readonly origin: string;
  readonly types: Readonly<Record<string, ObjectType>>;
};

/** A type expression of a schema, taken apart. */
export type Shape =
  | { readonly kind: "any" | "string" | "int" | "bool" }
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "list"; readonly of: string }
  | { readonly kind: "map"; readonly of: string }
  | { readonly kind: "object"; readonly name: string };

/** Every committed schema by its resource type with version. */
export function readSchemas(): ReadonlyMap<string, Schema> {
  const schemas = readdirSync(FOLDER)
    .filter((name) => name.endsWith(".json"))
    .map((name) => JSON.parse(readFileSync(`${FOLDER}/${name}`, "utf8")) as Schema);
  return new Map(schemas.map((schema) => [schema.resource, schema]));
}

/** Takes a type expression apart: `'a' | 'b' | string`, `Name[]`, `map<string>`, `int`. */
export function shapeOf(text: string): Shape {
  if (text.endsWith("[]")) return { kind: "list", of: text.slice(0, -2).replace(/^\((.*)\)$/, "$1") };
  const map = /^map<(.+)>$/.exec(text)?.[1];
  if (map !== undefined) return { kind: "map", of: map };
  // An open set, `'a' | string`, is a closed one to us: a word that is not in it is a slip more often than news.
  const words = [...text.matchAll(/'([^']*)'/g)].map(([, word = ""]) => word);
  if (words.length > 0) return { kind: "words", words };
  if (text === "any" || text === "string" || text === "int" || text === "bool") return { kind: text };
  return { kind: "object", name: text };
}
