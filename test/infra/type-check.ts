import type { Node } from "web-tree-sitter";
import { type BicepFile, type Block, childrenOf, lineOf, propertiesOf, unquoted } from "./bicep-file.ts";
import { type Schema, type Shape, shapeOf } from "./schema.ts";

/** What belongs to every resource and is in no schema. */
const OF_BICEP = new Set(["parent", "scope", "dependsOn"]);

/**
 * Checks every resource of a template against the schema of its type: the version is known, properties exist with
 * exactly this spelling and may be written, what is required is there, and literals fit.
 * @returns what is wrong, as `path:line: what`; nothing where all is well.
 */
export function checkResources(file: BicepFile, schemas: ReadonlyMap<string, Schema>): readonly string[] {
  return file.resources.flatMap((resource) => {
    const schema = schemas.get(resource.target);
    if (schema === undefined) return [`${file.path}:${lineOf(resource.node)}: no schema for ${resource.target}`];
    const checker = new ResourceChecker(file, schema);
    return [...checker.problemsOf(resource), ...readsOf(file, resource, schema)];
  });
}

/** Checks the values of one resource. */
class ResourceChecker {
  readonly #file: BicepFile;
  readonly #schema: Schema;
  readonly #problems: string[] = [];

  constructor(file: BicepFile, schema: Schema) {
    this.#file = file;
    this.#schema = schema;
  }

  problemsOf({ body, isExisting, node }: Block): readonly string[] {
    if (body === undefined) return [`${this.#file.path}:${lineOf(node)}: no body`];
    this.#object(body, "Body", { isWhole: !isExisting });
    return this.#problems;
  }

  /** @param isWhole false for what exists already: there the name says it all. */
  #object(object: Node, typeName: string, { isWhole } = { isWhole: true }): void {
    const type = this.#schema.types[typeName];
    if (type === undefined) throw new Error(`${this.#schema.resource} has no type ${typeName}`);
    const given = propertiesOf(object).filter(([name]) => typeName !== "Body" || !OF_BICEP.has(name));
    for (const [name, value] of given) {
      const expected = type.properties[name];
      if (expected === undefined) this.#say(value, `${typeName} has no property ${name}`);
      else if (type.readOnly?.includes(name) === true) this.#say(value, `${name} of ${typeName} is read-only`);
      else this.#value(value, shapeOf(expected), name);
    }
    const names = new Set(given.map(([name]) => name));
    for (const name of isWhole ? (type.required ?? []) : []) {
      if (!names.has(name)) this.#say(object, `${typeName} lacks ${name}`);
    }
  }

  #value(node: Node, shape: Shape, name: string): void {
    if (shape.kind === "any") return;
    switch (node.type) {
      case "ternary_expression":
        for (const branch of ["consequence", "alternative"]) this.#branch(node, branch, shape, name);
        return;
      case "binary_expression":
        if (node.children.some((child) => child?.text === "??")) this.#branch(node, "right", shape, name);
        return;
      case "object":
        if (shape.kind === "object") this.#object(node, shape.name);
        else if (shape.kind === "map")
          for (const [key, value] of propertiesOf(node)) this.#value(value, shapeOf(shape.of), key);
        else this.#say(node, `${name} is no object`);
        return;
      case "array":
        if (shape.kind !== "list") this.#say(node, `${name} is no array`);
        else for (const item of childrenOf(node)) this.#value(item, shapeOf(shape.of), name);
        return;
      case "for_statement":
        if (shape.kind !== "list") this.#say(node, `${name} is no array`);
        else this.#branch(node, "body", shapeOf(shape.of), name);
        return;
      default:
        this.#leaf(node, shape, name);
    }
  }

  #branch(node: Node, field: string, shape: Shape, name: string): void {
    const child = node.childForFieldName(field);
    if (child !== null) this.#value(child, shape, name);
  }

  #leaf(node: Node, shape: Shape, name: string): void {
    const found = kindOf(node, this.#file);
    if (found === undefined) return;
    if (shape.kind === "words") {
      if (found === "string" && node.type === "string" && !isInterpolated(node)) this.#word(node, shape.words, name);
      else if (found !== "string") this.#say(node, `${name} is no ${found}`);
    } else if (found !== shape.kind) this.#say(node, `${name} is ${shape.kind}, and no ${found}`);
  }

  #word(node: Node, words: readonly string[], name: string): void {
    const word = unquoted(node.text);
    if (!words.includes(word)) this.#say(node, `${name} is none of ${words.join(", ")}: ${word}`);
  }

  #say(node: Node, what: string): void {
    this.#problems.push(`${this.#file.path}:${lineOf(node)}: ${what}`);
  }
}

/** The kind of a literal, or of a parameter of the file with a primitive type; undefined for all that takes thought. */
export function kindOf(node: Node, file: BicepFile): string | undefined {
  if (node.type === "string") return "string";
  if (node.type === "number") return "int";
  if (node.type === "boolean") return "bool";
  if (node.type !== "identifier") return undefined;
  return kindOfParam(file, node.text);
}

/** The primitive kind that a parameter is declared with, `list` for an array; undefined for other types and names. */
export function kindOfParam(file: BicepFile, name: string): string | undefined {
  const declared = file.params.find((param) => param.name === name)?.node.text ?? "";
  const primitive = /^param \w+ (string|int|bool)\??(\s|$)/.exec(declared)?.[1];
  if (primitive !== undefined) return primitive;
  return /^param \w+ \S+\[\]/.test(declared) ? "list" : undefined;
}

function isInterpolated(node: Node): boolean {
  return childrenOf(node).some(({ type }) => type === "interpolation");
}

/** Reads of a resource, `vault.properties.vaultUri`, that its schema does not have. */
function readsOf(file: BicepFile, { name, node }: Block, schema: Schema): readonly string[] {
  const code = file.text.replace(/\/\/.*$/gm, "");
  const reads = code.matchAll(new RegExp(`\\b${name}((?:\\.\\??\\w+)+)`, "g"));
  return [...reads].flatMap(([, path = ""]) => {
    const problem = unknownIn(path.split(/\.\??/).slice(1), schema);
    return problem === undefined ? [] : [`${file.path}:${lineOf(node)}: ${name}${path}: no ${problem}`];
  });
}

function unknownIn(path: readonly string[], schema: Schema): string | undefined {
  let type: string | undefined = "Body";
  for (const part of path) {
    if (type === undefined) return undefined;
    const expected: string | undefined = schema.types[type]?.properties[part];
    if (expected === undefined) return part;
    const shape: Shape = shapeOf(expected);
    type = shape.kind === "object" ? shape.name : undefined;
  }
  return undefined;
}
