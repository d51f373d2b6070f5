import { join, normalize } from "node:path";
import type { Node } from "web-tree-sitter";
import { type BicepFile, type Block, childrenOf, lineOf, propertiesOf, walk } from "./bicep-file.ts";
import { kindOf, kindOfParam } from "./type-check.ts";

/** The functions and namespaces of Bicep that the templates use. A name that is not here is a slip, or to be added. */
const BUILT_IN = new Set(
  (
    "concat contains empty fail filter guid int items json length loadJsonContent max replace resourceGroup " +
    "resourceId split string subscriptionResourceId substring tenant toLower union uniqueString"
  ).split(" "),
);

/** Names that are used and not declared, and names that are declared and not used. */
export function checkSymbols(file: BicepFile): readonly string[] {
  const declared = new Set(
    [file.params, file.variables, file.types, file.resources, file.modules].flat().map(({ name }) => name),
  );
  for (const name of importsOf(file)) declared.add(name);
  const used = usesIn(file);
  const undeclared = used.filter(({ name, isLocal }) => !isLocal && !declared.has(name) && !BUILT_IN.has(name));
  const unused = [...file.params, ...file.variables].filter(({ name }) => !used.some((use) => use.name === name));
  const unusedImports = importsOf(file).filter(
    (name) => (file.text.match(new RegExp(`\\b${name}\\b`, "g")) ?? []).length < 2,
  );
  return [
    ...undeclared.map(({ name, line }) => `${file.path}:${line}: ${name} is not declared`),
    ...unused.map(({ name, node }) => `${file.path}:${lineOf(node)}: ${name} is not used`),
    ...unusedImports.map((name) => `${file.path}: the import ${name} is not used`),
  ];
}

/** Whether modules are called as they are declared: parameters by name and kind, none missing, outputs that exist. */
export function checkModules(file: BicepFile, files: ReadonlyMap<string, BicepFile>): readonly string[] {
  return file.modules.flatMap((module) => {
    const at = `${file.path}:${lineOf(module.node)}`;
    const target = files.get(normalize(join(file.path, "..", module.target)));
    if (target === undefined) return [`${at}: there is no ${module.target}`];
    const given = new Set(paramsGiven(module).map(([name]) => name));
    const wrongKinds = paramsGiven(module).filter(([name, value]) => {
      const [wanted, found] = [kindOfParam(target, name), kindOf(value, file)];
      return wanted !== undefined && found !== undefined && wanted !== found;
    });
    const declared = new Set(target.params.map(({ name }) => name));
    const outputs = new Set(target.outputs.map(({ name }) => name));
    const reads = file.text.matchAll(new RegExp(`\\b${module.name}!?\\.outputs\\.(\\w+)`, "g"));
    return [
      ...[...given].filter((name) => !declared.has(name)).map((name) => `${at}: ${module.target} takes no ${name}`),
      ...requiredParams(target)
        .filter((name) => !given.has(name))
        .map((name) => `${at}: ${module.target} wants ${name}`),
      ...wrongKinds.map(([name]) => `${at}: ${name} is of another type in ${module.target}`),
      ...[...reads].filter(([, name = ""]) => !outputs.has(name)).map(([read]) => `${at}: no ${read}`),
    ];
  });
}

/** The parameters that have no default and may not be null. */
export function requiredParams(file: BicepFile): readonly string[] {
  return file.params
    .filter(({ node }) => !node.children.some((child) => child?.text === "=") && !node.text.trimEnd().endsWith("?"))
    .map(({ name }) => name);
}

/** What a module is given. */
function paramsGiven({ body }: Block): readonly (readonly [string, Node])[] {
  const params = body === undefined ? undefined : propertiesOf(body).find(([name]) => name === "params")?.[1];
  return params === undefined ? [] : propertiesOf(params);
}

/** The names that a template imports. */
function importsOf(file: BicepFile): readonly string[] {
  return [...file.text.matchAll(/^import \{([^}]*)\} from/gm)].flatMap(([, names = ""]) =>
    names.split(/[,\s]+/).filter((name) => name !== ""),
  );
}

type Use = { readonly name: string; readonly line: number; readonly isLocal: boolean };

function usesIn(file: BicepFile): readonly Use[] {
  const blocks = [file.params, file.variables, file.outputs, file.resources, file.modules].flat();
  return blocks.flatMap(({ node }) => {
    const locals = localsIn(node);
    return childrenOf(node)
      .slice(1)
      .flatMap((part) => [...walk(part)])
      .filter((inner) => inner.type === "identifier" && !isKey(inner))
      .map((inner) => ({ name: inner.text, line: lineOf(inner), isLocal: locals.has(inner.text) }));
  });
}

/** The names that loops and lambdas give: `for alert in`, `for (alert, index) in`, `limit =>`. */
export function localsIn(node: Node): ReadonlySet<string> {
  const heads = node.text.matchAll(/\bfor \(?(\w+)(?:, (\w+)\))? in|\b(\w+)(?= =>)/g);
  return new Set([...heads].flatMap(([, item, index, lambda]) => [item, index, lambda].flatMap((name) => name ?? [])));
}

/** Whether this identifier is the key of a property and no use of a name. */
function isKey(node: Node): boolean {
  const parent = node.parent;
  return parent?.type === "object_property" && childrenOf(parent)[0]?.id === node.id;
}
