import type { Node } from "web-tree-sitter";
import { type BicepFile, childrenOf, lineOf, propertiesOf, unquoted, walk } from "./bicep-file.ts";
import { localsIn } from "./symbols.ts";

/** Names that end with `id` and that the rule does not look at, of those that the templates have. */
const EXCLUDED = new Set(["tenantid", "principalid", "clientid", "syntheticmonitorid", "locations", "tags"]);

/**
 * Checks ids below `properties` of each resource as the linter's use-resource-id-functions does: a parameter, a part of a
 * resource or module, a function, a choice or a word will do; operators, loop variables and paths will not.
 * @returns what is wrong, as `path:line: what`.
 */
export function checkResourceIds(file: BicepFile): readonly string[] {
  return file.resources.flatMap(({ body, node }) => {
    const properties = body === undefined ? undefined : propertiesOf(body).find(([name]) => name === "properties")?.[1];
    const locals = localsIn(node);
    return properties === undefined
      ? []
      : idsIn(properties).flatMap(([name, value]) => {
          const wrong = problemOf(value, locals);
          return wrong === undefined ? [] : [`${file.path}:${lineOf(value)}: ${name} is ${wrong}`];
        });
  });
}

/** The properties whose names end with `id`, at any depth. */
function idsIn(value: Node): readonly (readonly [string, Node])[] {
  return propertiesOf(value)
    .filter(([name]) => !EXCLUDED.has(name.toLowerCase()))
    .flatMap(([name, inner]) =>
      /id$/i.test(name) ? [[name, inner] as const] : objectsIn(inner).flatMap((object) => idsIn(object)),
    );
}

/** The outermost objects in a value: itself, or those of a list, a loop or a choice. */
function objectsIn(value: Node): readonly Node[] {
  return value.type === "object" ? [value] : childrenOf(value).flatMap(objectsIn);
}

function problemOf(value: Node, locals: ReadonlySet<string>): string | undefined {
  if (value.type === "identifier") return locals.has(value.text) ? `${value.text}, of a loop` : undefined;
  if (value.type === "string") return unquoted(value.text).includes("/") ? value.text : undefined;
  // Any part of a resource or module is taken, in whatever it stands.
  const isOfAnother = [...walk(value)].some(({ type }) => type === "member_expression");
  return value.type === "binary_expression" && !isOfAnother ? value.text : undefined;
}
