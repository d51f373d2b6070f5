import { stringify } from "yaml";

/** What a template may see: `.Values`, `.Release`, `.Chart`, and what `with` and `range` put in place of it. */
export type Scope = { readonly dot: unknown; readonly variables: Readonly<Record<string, unknown>> };

type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "output"; readonly expression: string }
  | {
      readonly kind: "block";
      readonly word: string;
      readonly head: string;
      readonly body: Node[];
      readonly other: Node[];
    };

/**
 * The part of Helm's templates that infra/helm/ uses: if, else, with, range over a map, define, include, and few functions.
 * Everything else throws, so that a chart that needs Helm itself does not pass for checked.
 *
 * For machines without Helm, and it cannot see all that Helm does: errors of types, as `eq` of a boolean and a text; YAML
 * 1.1, as `off` for false; values that a template names and values.yaml has not; what Chart.yaml says of versions; how a
 * cluster takes the outcome. Where Helm is there, the test asks it too: .github/workflows/infra.yml.
 */
export class ChartTemplates {
  readonly #defined = new Map<string, readonly Node[]>();

  /** Takes the `define` blocks of a file, for `include`. */
  define(source: string): void {
    for (const node of parse(source)) {
      if (node.kind === "block" && node.word === "define") this.#defined.set(literal(node.head), node.body);
    }
  }

  /** Renders a file. Throws where the template fails on purpose, with its message. */
  render(source: string, dot: unknown): string {
    return this.#write(parse(source), { dot, variables: {} });
  }

  #write(nodes: readonly Node[], scope: Scope): string {
    return nodes.map((node) => this.#writeNode(node, scope)).join("");
  }

  #writeNode(node: Node, scope: Scope): string {
    if (node.kind === "text") return node.text;
    if (node.kind === "output") return shown(this.#evaluate(node.expression, scope));
    if (node.word === "define") return "";
    if (node.word === "range") return this.#writeRange(node, scope);
    const value = this.#evaluate(node.head, scope);
    if (!isTrue(value)) return this.#write(node.other, scope);
    return this.#write(node.body, node.word === "with" ? { ...scope, dot: value } : scope);
  }

  #writeRange({ head, body }: Node & { readonly kind: "block" }, scope: Scope): string {
    const [, key = "", value = "", expression = ""] = /^(\$\w+), (\$\w+) := (.+)$/.exec(head) ?? [];
    const map = this.#evaluate(expression, scope) as Readonly<Record<string, unknown>>;
    return Object.entries(map)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, item]) =>
        this.#write(body, { ...scope, variables: { ...scope.variables, [key]: name, [value]: item } }),
      )
      .join("");
  }

  /** A pipeline: each function gets the value before it as its last argument. */
  #evaluate(expression: string, scope: Scope): unknown {
    let piped: unknown[] = [];
    for (const stage of split(expression, "|")) {
      const [head = "", ...rest] = split(stage, " ");
      const given = [...rest.map((word) => this.#operand(word, scope)), ...piped];
      piped = [given.length === 0 ? this.#operand(head, scope) : this.#call(head, given)];
    }
    return piped[0];
  }

  #operand(word: string, scope: Scope): unknown {
    if (word.startsWith("(")) return this.#evaluate(word.slice(1, -1), scope);
    if (word.startsWith('"')) return literal(word);
    if (/^\d+$/.test(word)) return Number(word);
    if (word.startsWith("$")) return scope.variables[word];
    if (!word.startsWith(".")) throw new Error(`this check knows no "${word}"`);
    const path = word.slice(1).split(".").filter(Boolean);
    return path.reduce<unknown>((value, name) => (value as Readonly<Record<string, unknown>>)[name], scope.dot);
  }

  #call(name: string, given: readonly unknown[]): unknown {
    const [first, second] = given;
    switch (name) {
      case "include": {
        const nodes = this.#defined.get(String(first));
        if (nodes === undefined) throw new Error(`no template is called ${String(first)}`);
        return this.#write(nodes, { dot: second, variables: {} });
      }
      case "kindIs":
        return first === (typeof second === "number" ? "float64" : typeof second);
      case "toString":
        return shown(first);
      case "int64":
        return BigInt(Math.trunc(Number(first)));
      case "eq":
        return first === second;
      case "ne":
        return first !== second;
      case "not":
        return !isTrue(first);
      case "and":
        return given.every(isTrue);
      case "or":
        return given.find(isTrue) ?? given.at(-1);
      case "default":
        return isTrue(second) ? second : first;
      case "trimSuffix":
        return String(second).endsWith(String(first)) ? String(second).slice(0, -String(first).length) : second;
      case "quote":
        return JSON.stringify(shown(first));
      case "toYaml":
        return stringify(first, { lineWidth: 0 }).trimEnd();
      case "nindent":
        return `\n${shown(second).replace(/^(?=.)/gm, " ".repeat(Number(first)))}`;
      case "fail":
        throw new Error(String(first));
      default:
        throw new Error(`this check knows no function "${name}"`);
    }
  }
}

function parse(source: string): readonly Node[] {
  const root: Node[] = [];
  const open: { readonly node: Node & { readonly kind: "block" }; into: Node[] }[] = [];
  const into = () => open.at(-1)?.into ?? root;
  for (const token of tokens(source)) {
    if (token.text !== undefined) into().push({ kind: "text", text: token.text });
    const action = token.action?.trim();
    if (action === undefined || action.startsWith("/*")) continue;
    const [, word = "", head = ""] = /^(if|with|range|define|else|end)\b ?(.*)$/s.exec(action) ?? [];
    const last = open.at(-1);
    if (word === "end") open.pop();
    else if (word === "else" && head === "" && last !== undefined) last.into = last.node.other;
    else if (word === "else") throw new Error(`this check knows no "${action}"`);
    else if (word === "") into().push({ kind: "output", expression: action });
    else {
      const node = { kind: "block", word, head, body: [], other: [] } as const satisfies Node;
      const block: Node & { readonly kind: "block" } = { ...node, body: [], other: [] };
      into().push(block);
      open.push({ node: block, into: block.body });
    }
  }
  if (open.length > 0) throw new Error(`"${open[0]?.node.head}" has no end`);
  return root;
}

/** Text and actions in order; `{{-` and `-}}` take the white space beside them away. */
function tokens(source: string): readonly { readonly text?: string; readonly action?: string }[] {
  const parts = source.split(/(\{\{-? .*? ?-?\}\})/s);
  return parts.map((part, index) => {
    if (index % 2 === 1) return { action: part.replace(/^\{\{-? | ?-?\}\}$/g, "") };
    const isTrimmedLeft = parts[index - 1]?.endsWith("-}}") === true;
    const isTrimmedRight = parts[index + 1]?.startsWith("{{-") === true;
    const left = isTrimmedLeft ? part.trimStart() : part;
    return { text: isTrimmedRight ? left.trimEnd() : left };
  });
}

/** Splits at a sign that is neither in quotes nor in parentheses. */
function split(text: string, sign: string): readonly string[] {
  const parts = [""];
  let depth = 0;
  for (const [piece] of text.matchAll(/"[^"]*"|[^"]/g)) {
    if (piece === "(") depth += 1;
    if (piece === ")") depth -= 1;
    if (piece === sign && depth === 0) parts.push("");
    else parts[parts.length - 1] += piece;
  }
  return parts.map((part) => part.trim()).filter((part) => part !== "");
}

function literal(word: string): string {
  return JSON.parse(word.trim()) as string;
}

function shown(value: unknown): string {
  if (value === undefined || value === null) return "";
  // Helm takes all numbers of values for floating point, and Go writes those from a million on with an exponent.
  if (typeof value === "number" && value >= 1e6) return value.toExponential();
  if (["string", "number", "boolean", "bigint"].includes(typeof value)) return `${value as string | number | bigint}`;
  throw new Error("a map or a list was written without toYaml");
}

/** As Go's templates take it: empty is false. */
function isTrue(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === "" || value === 0) return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}
