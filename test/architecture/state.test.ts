import { expect, it } from "vitest";
import { readSourceFiles, type SourceFile } from "../../scripts/checks/source-files.ts";

it("gives each piece of state one owner: no class has a field, or a setter, that others may write", () => {
  const files = readSourceFiles("protocol", "relay", "client", "page");

  expect(files.length).toBeGreaterThan(30);
  expect(files.flatMap((file) => writableIn(file).map((name) => `${file.path}: ${name}`))).toEqual([]);
});

it("finds such fields where there are some", () => {
  const found = readSourceFiles("test/support", "test/fixtures").flatMap(writableIn);

  expect(found).toContain("bufferedBytes");
});

type Node = { readonly type: string; readonly kind?: string; readonly readonly?: boolean; readonly key?: Key };
type Key = { readonly type: string; readonly name?: string };

/** The names of fields and setters of classes that anybody may write: public, and not readonly. */
function writableIn({ program }: SourceFile): readonly string[] {
  const found: string[] = [];
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) node.forEach(visit);
    else if (isNode(node)) {
      const { key } = node;
      if (isWritable(node) && key !== undefined && key.type !== "PrivateIdentifier") found.push(key.name ?? "?");
      Object.values(node).forEach(visit);
    }
  };
  visit(program);
  return found;
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value;
}

function isWritable({ type, kind, readonly }: Node): boolean {
  if (type === "MethodDefinition") return kind === "set";
  return (type === "PropertyDefinition" || type === "AccessorProperty") && readonly !== true;
}
