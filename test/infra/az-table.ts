import { readFileSync } from "node:fs";

/** An option of a command: all its names, and how many values stand behind it. */
type TableOption = {
  readonly names: readonly string[];
  readonly takes: "none" | "none or one" | "one" | "some";
  readonly required?: true;
  readonly choices?: readonly string[];
};

/** What a command of the Azure CLI takes. */
export type TableCommand = { readonly positional: readonly string[]; readonly options: readonly TableOption[] };

/** What scripts/azure/cli-table.py has read from the real CLI, of the version that it names. */
export const AZ_TABLE = JSON.parse(readFileSync("test/infra/az-commands.json", "utf8")) as {
  readonly azureCli: string;
  readonly commands: Readonly<Record<string, TableCommand>>;
};

/**
 * A program for the shell that judges a call as the CLI's own parser does, with its words and exit code 2, and goes on behind
 * itself where it is a call that the CLI takes. `$*` is what it was before.
 */
export function judgingShell(): string {
  const cases = Object.entries(AZ_TABLE.commands).map(([name, command]) => `"${name}") ${settingsOf(command)} ;;`);
  const names = Object.keys(AZ_TABLE.commands).map((name) => `${name}|`);
  return JUDGE.replace("@NAMES@", `|${names.join("")}`).replace("@CASES@", cases.join("\n"));
}

/** What the judge looks at, as lists with bars around each word. */
function settingsOf({ positional, options }: TableCommand): string {
  const named = (takes: TableOption["takes"]): string =>
    `'|${options.flatMap((option) => (option.takes === takes ? option.names.map((name) => `${name}|`) : [])).join("")}'`;
  const required = options.filter((option) => option.required).map(({ names }) => names.join("/"));
  const limited = options.flatMap(({ names, choices }) =>
    choices === undefined ? [] : names.flatMap((name) => choices.map((choice) => `${name}=${choice}|`)),
  );
  return [
    `none=${named("none")} maybe=${named("none or one")} one=${named("one")} some=${named("some")}`,
    `required='${required.join(" ")}' limited='|${limited.join("")}' places=${positional.length}`,
  ].join(" ");
}

const JUDGE = `
judge() {
  refuse() { echo "ERROR: $1" >&2; exit 2; }
  has() { case $1 in *"|$2|"*) return 0 ;; esac; return 1; }
  limits() {
    case $limited in *"|$1="*) has "$limited" "$1=$2" || refuse "argument $1: invalid choice: '$2'" ;; esac
  }
  names='@NAMES@' command=
  while [ $# -gt 0 ]; do
    next="$command\${command:+ }$1"
    case $names in *"|$next|"* | *"|$next "*) command=$next; shift ;; *) break ;; esac
  done
  case "$command" in
@CASES@
  *) refuse "'$command $1' is misspelled or not recognized by the system." ;;
  esac
  given='|'
  while [ $# -gt 0 ]; do
    option=$1
    shift
    case $option in
    -*) ;;
    *) places=$((places - 1)); [ $places -ge 0 ] || refuse "unrecognized arguments: $option"; continue ;;
    esac
    given="$given$option|"
    if has "$none" "$option"; then continue
    elif has "$one" "$option"; then
      case \${1:--} in -*) refuse "argument $option: expected one argument" ;; esac
      limits "$option" "$1"; shift
    elif has "$maybe" "$option"; then
      case \${1:--} in -*) ;; *) limits "$option" "$1"; shift ;; esac
    elif has "$some" "$option"; then
      while [ $# -gt 0 ]; do case $1 in -*) break ;; esac; limits "$option" "$1"; shift; done
    else refuse "unrecognized arguments: $option"
    fi
  done
  [ $places -le 0 ] || refuse "the following arguments are required: a place"
  for wanted in $required; do
    found=
    for name in $(echo "$wanted" | tr / ' '); do if has "$given" "$name"; then found=1; fi; done
    [ -n "$found" ] || refuse "the following arguments are required: $wanted"
  done
}
judge "$@"
`;
