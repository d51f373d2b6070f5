/** What a library shows of an upgrade that is refused: the status and the header `X-Refusal`, the status alone, or nothing. */
type Shown = "status and word" | "status" | "nothing";

/** Which programs a row runs with: a part of install.sh, or Debian's browser. */
export type Part = "javascript" | "python" | "go" | "java" | "rust" | "chromium";

/** One client library, with its defaults, and what is its own about it. */
export type ClientRow = {
  readonly name: string;
  /** As it is pinned; or whose it is where the machine has its own. */
  readonly version: string;
  readonly part: Part;
  /**
   * The program's words: `~` is where install.sh has put things, `programs` beside this file. None for the browser.
   */
  readonly command: readonly string[];
  /** The largest message that it takes, where that is less than what the relay delivers. */
  readonly limitBytes?: number;
  readonly shows: Shown;
  /** Whether its upgrades have an `Origin`, as those of browsers do. */
  readonly sendsOrigin?: boolean;
  /** Whether an app may set the headers of its upgrade. */
  readonly hasHeaders: boolean;
};

const PYTHON = "~/python/bin/python";
const MAIN = "programs/javascript/main.js";
const WHOLE = { shows: "status and word", hasHeaders: true } as const;
const BLIND = { shows: "nothing", hasHeaders: true } as const;

const nodeRows = ["22.23.3", "24.21.0", "26.10.0"].flatMap((version): ClientRow[] => {
  const [major] = version.split(".");
  const node = `~/node_modules/node${major}/bin/node`;
  const part = "javascript";
  return [
    { name: `ws on Node ${major}`, version: "8.23.0", part, command: [node, MAIN, "ws"], ...WHOLE },
    { name: `undici on Node ${major}`, version: "8.13.1", part, command: [node, MAIN, "undici"], ...BLIND },
    { name: `the WebSocket of Node ${major}`, version, part, command: [node, MAIN, "built-in"], ...BLIND },
  ];
});

/** Every client library that a relay is met with: the table in docs/clients.md. */
export const clientRows: readonly ClientRow[] = [
  {
    name: "Python's websockets",
    version: "17.4",
    part: "python",
    command: [PYTHON, "programs/python/websockets_program.py"],
    limitBytes: 1_048_576,
    ...WHOLE,
  },
  {
    name: "Python's aiohttp",
    version: "3.14.5",
    part: "python",
    command: [PYTHON, "programs/python/aiohttp_program.py"],
    ...WHOLE,
  },
  {
    name: "Python's websocket-client",
    version: "1.9.2",
    part: "python",
    command: [PYTHON, "programs/python/websocket_client_program.py"],
    sendsOrigin: true,
    ...WHOLE,
  },
  { name: "Go's gorilla", version: "1.5.3", part: "go", command: ["~/go/gorilla"], ...WHOLE },
  { name: "Go's coder", version: "1.8.15", part: "go", command: ["~/go/coder"], limitBytes: 32_768, ...WHOLE },
  {
    name: "the JDK's HttpClient",
    version: "Debian's",
    part: "java",
    command: ["java", "-cp", "~/java", "JdkClient"],
    ...WHOLE,
  },
  ...nodeRows,
  {
    name: "Bun",
    version: "1.4.5",
    part: "javascript",
    command: ["~/node_modules/bun/bin/bun", MAIN, "built-in"],
    shows: "status",
    hasHeaders: true,
  },
  {
    name: "Deno",
    version: "2.9.6",
    part: "javascript",
    command: ["~/node_modules/deno/deno", "run", "--allow-all", "--no-config", MAIN, "built-in"],
    ...BLIND,
  },
  {
    name: "Chromium",
    version: "Debian's",
    part: "chromium",
    command: [],
    sendsOrigin: true,
    shows: "nothing",
    hasHeaders: false,
  },
];
