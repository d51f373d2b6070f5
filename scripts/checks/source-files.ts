import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { type ParseResult, parseSync } from "oxc-parser";

/** One source file: what it imports, as written and as resolved, and its syntax tree. */
export type SourceFile = {
  /** From the root of the repository, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly program: ParseResult["program"];
  readonly imports: readonly string[];
};

/** Reads and parses every TypeScript file below these folders. */
export function readSourceFiles(...folders: readonly string[]): readonly SourceFile[] {
  return folders
    .flatMap((folder) => readdirSync(folder, { recursive: true, encoding: "utf8" }).map((path) => join(folder, path)))
    .filter((path) => path.endsWith(".ts") && !/\b(node_modules|dist)\//.test(path))
    .map(read);
}

function read(path: string): SourceFile {
  const text = readFileSync(path, "utf8");
  const { program, module, errors } = parseSync(path, text);
  if (errors.length > 0) throw new Error(`${path}: ${errors[0]?.message}`);
  const specifiers = [
    ...module.staticImports.map(({ moduleRequest }) => moduleRequest.value),
    ...module.staticExports.flatMap(({ entries }) =>
      entries.flatMap(({ moduleRequest }) => moduleRequest?.value ?? []),
    ),
    ...module.dynamicImports.map(({ moduleRequest }) => text.slice(moduleRequest.start + 1, moduleRequest.end - 1)),
  ];
  const imports = specifiers.map((name) => (name.startsWith(".") ? normalize(join(dirname(path), name)) : name));
  return { path, text, program, imports };
}

/** A function and the lines of code in it. */
export type FoundFunction = { readonly name: string; readonly lineCount: number };

/** Every named function, method, accessor and arrow function bound to a name in a file. */
export function functionsOf({ program, text }: SourceFile): readonly FoundFunction[] {
  const found: FoundFunction[] = [];
  const visit = (node: unknown, name: string | undefined): void => {
    if (Array.isArray(node)) {
      for (const child of node) visit(child, undefined);
      return;
    }
    if (!isNode(node)) return;
    const ownName = nameOf(node) ?? name;
    if (/^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type) && ownName !== undefined) {
      found.push({ name: ownName, lineCount: codeLinesIn(text.slice(node.start, node.end)) });
    }
    for (const child of Object.values(node)) visit(child, ownName === name ? undefined : ownName);
  };
  visit(program, undefined);
  return found;
}

/** Lines that hold neither nothing nor a comment alone. */
function codeLinesIn(code: string): number {
  const withoutBlocks = code.replace(/\/\*[\s\S]*?\*\//g, "");
  return withoutBlocks.split("\n").filter((line) => line.trim() !== "" && !line.trim().startsWith("//")).length;
}

type Node = { readonly type: string; readonly start: number; readonly end: number } & Readonly<Record<string, unknown>>;

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && "start" in value;
}

/** `function NAME`, `NAME = ...`, `NAME() {}` in a class or object, `#NAME() {}`. */
function nameOf(node: Node): string | undefined {
  const named = node["id"] ?? node["key"];
  if (!isNode(named) || typeof named["name"] !== "string") return undefined;
  return named.type === "PrivateIdentifier" ? `#${named["name"]}` : named["name"];
}
