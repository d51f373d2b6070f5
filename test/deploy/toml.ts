type Table = { [name: string]: unknown };

/**
 * The part of TOML that infra/fly/ uses: tables, lists of tables, and a string, number or boolean on a line of its own.
 * Everything else throws, a name that is there twice among it.
 */
export function parseToml(text: string): Readonly<Table> {
  const root: Table = {};
  let table = root;
  for (const line of text.split("\n").map((raw) => raw.trim())) {
    if (line === "" || line.startsWith("#")) continue;
    const [, list, name] = /^(?:\[\[([\w.]+)\]\]|\[([\w.]+)\])$/.exec(line) ?? [];
    if (list !== undefined) table = appended(root, list);
    else if (name !== undefined) table = opened(root, name);
    else assign(table, line);
  }
  return root;
}

function assign(table: Table, line: string): void {
  const [, name, value] = /^(\w+) = ("[^"\\]*"|\d+|true|false)$/.exec(line) ?? [];
  if (name === undefined || value === undefined) throw new Error(`not a line of this kind of TOML: ${line}`);
  if (name in table) throw new Error(`${name} is there twice`);
  table[name] = JSON.parse(value);
}

function opened(root: Table, path: string): Table {
  return path.split(".").reduce((table, name) => (table[name] ??= {}) as Table, root);
}

function appended(root: Table, path: string): Table {
  const names = path.split(".");
  const last = names.pop() ?? "";
  const parent = names.length === 0 ? root : opened(root, names.join("."));
  const added: Table = {};
  parent[last] = [...((parent[last] ?? []) as Table[]), added];
  return added;
}
