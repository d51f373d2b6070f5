import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { Language, type Node, Parser } from "web-tree-sitter";

/** A declaration at the top level of a template: what it is called, and its syntax. */
type Declaration = { readonly name: string; readonly node: Node; readonly decorators: string };

/** A resource or module: what its string says, and the object that is its body. */
export type Block = Declaration & {
  readonly target: string;
  readonly isExisting: boolean;
  readonly body: Node | undefined;
};

/** One parsed template. */
export type BicepFile = {
  readonly path: string;
  readonly text: string;
  /** What the grammar could not read, as `line: text`. */
  readonly errors: readonly string[];
  readonly params: readonly Declaration[];
  readonly outputs: readonly Declaration[];
  readonly variables: readonly Declaration[];
  readonly types: readonly Declaration[];
  readonly resources: readonly Block[];
  readonly modules: readonly Block[];
};

const require = createRequire(import.meta.url);
let parser: Promise<Parser> | undefined;

/** Reads and parses a template. The grammar knows less than the compiler; our templates stay within what it knows. */
export async function readBicepFile(path: string): Promise<BicepFile> {
  return parseBicep(path, readFileSync(path, "utf8"));
}

/** Parses the text of a template. */
export async function parseBicep(path: string, text: string): Promise<BicepFile> {
  parser ??= createParser();
  const tree = (await parser).parse(text);
  if (tree === null) throw new Error(`${path} cannot be parsed`);
  const root = tree.rootNode;
  return {
    path,
    text,
    errors: errorsIn(root),
    params: declarations(root, "parameter_declaration"),
    outputs: declarations(root, "output_declaration"),
    variables: declarations(root, "variable_declaration"),
    types: declarations(root, "type_declaration"),
    resources: blocks(root, "resource_declaration"),
    modules: blocks(root, "module_declaration"),
  };
}

/** The nodes below this one, itself first, in the order of the text. */
export function* walk(node: Node): Generator<Node> {
  yield node;
  for (const child of node.children) if (child !== null) yield* walk(child);
}

/** The named children that are not comments. */
export function childrenOf(node: Node): readonly Node[] {
  return node.namedChildren.filter((child): child is Node => child !== null && child.type !== "comment");
}

/** The properties of an object literal: name and value. */
export function propertiesOf(object: Node): readonly (readonly [string, Node])[] {
  return childrenOf(object)
    .filter(({ type }) => type === "object_property")
    .flatMap((property) => {
      const [key, value] = childrenOf(property);
      return key === undefined || value === undefined ? [] : [[unquoted(key.text), value] as const];
    });
}

/** The text inside of a string literal. */
export function unquoted(text: string): string {
  return text.replace(/^'|'$/g, "");
}

/** The line of a node, counted from 1. */
export function lineOf(node: Node): number {
  return node.startPosition.row + 1;
}

async function createParser(): Promise<Parser> {
  await Parser.init();
  const made = new Parser();
  const folder = dirname(require.resolve("tree-sitter-bicep/package.json"));
  made.setLanguage(await Language.load(`${folder}/tree-sitter-bicep.wasm`));
  return made;
}

function errorsIn(root: Node): readonly string[] {
  return [...walk(root)]
    .filter((node) => node.isError || node.isMissing)
    .map((node) => `${lineOf(node)}: ${node.text.slice(0, 60)}`);
}

/** Decorators stand before what they decorate, as a node of their own. */
function declarations(root: Node, type: string): readonly Declaration[] {
  const children = childrenOf(root);
  return children.flatMap((node, index) => {
    if (node.type !== type) return [];
    const before = children[index - 1];
    const name = childrenOf(node).find((child) => child.type === "identifier")?.text ?? "";
    return [{ name, node, decorators: before?.type === "decorators" ? before.text : "" }];
  });
}

function blocks(root: Node, type: string): readonly Block[] {
  return declarations(root, type).map((declaration) => {
    const parts = childrenOf(declaration.node);
    const target = unquoted(parts.find((part) => part.type === "string")?.text ?? "");
    const isExisting = declaration.node.children.some((child) => child?.text === "existing");
    return { ...declaration, target, isExisting, body: bodyOf(declaration.node) };
  });
}

/** The object of a resource or module, also behind `if (...)` and in `[for ...: {}]`. */
function bodyOf(declaration: Node): Node | undefined {
  for (const part of childrenOf(declaration)) {
    if (part.type === "object") return part;
    if (/^(if_statement|for_statement)$/.test(part.type)) {
      const inner = part.childForFieldName("body") ?? bodyOf(part);
      if (inner !== null && inner !== undefined) return inner;
    }
  }
  return undefined;
}
