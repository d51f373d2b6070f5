/** Names in one certificate: what Let's Encrypt takes. */
export const MAX_NAMES = 100;

/** What every option has, whatever its kind. */
type Described = {
  /** Undefined where there is no flag: the command line of a process can be read by others. */
  readonly flag: string | undefined;
  readonly env: string;
  /** The variable under which the original systems have it; read where `env` is not set. */
  readonly originalEnv?: string;
  /** The one dialect of which it is the original's: where others are spoken too, the variable might mean something else. */
  readonly originalDialect?: string;
  /**
   * The words of TLS with which it is read; left out, with all. For names that environments have for reasons of their own:
   * a value that means nothing to this relay must not keep it from starting.
   */
  readonly usedWith?: readonly string[];
  /** One sentence: what it does for the operator. */
  readonly sentence: string;
};

/** A whole number with bounds; `unit` is empty for counts and numbers that have none. */
type IntegerOption = Described & {
  readonly kind: "integer";
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly unit: string;
};

/** `true` or `false`. */
type BooleanOption = Described & { readonly kind: "boolean"; readonly default: boolean };

/** One of a closed set of words. */
type ChoiceOption = Described & {
  readonly kind: "choice";
  readonly default: string;
  readonly choices: readonly string[];
};

/** A host name or an IP address. */
type HostOption = Described & { readonly kind: "host"; readonly default: string };

/** Host names and IP addresses behind each other, with commas. Unset is the empty list. */
type ListOption = Described & { readonly kind: "list"; readonly default: readonly string[] };

/** Networks, addresses, origins of web pages, words, or words with a multiple, behind each other, with commas. Unset is the default. */
type SetOption = Described & {
  readonly kind: "networks" | "origins" | "multiples" | "words" | "listeners" | "virtual-hosts" | "addresses";
  readonly default: readonly string[];
};

/** An https URL, or one of these words. Unset is "". */
type UrlOption = Described & { readonly kind: "url"; readonly default: string; readonly words: readonly string[] };

/** A path, an address for mail or a way to reach somebody, a word without spaces, a word that is never shown. Unset is "". */
type TextOption = Described & {
  readonly kind: "path" | "email" | "contact" | "word" | "secret" | "keys";
  readonly default: string;
};

/** One row of the table. */
export type Option =
  | IntegerOption
  | BooleanOption
  | ChoiceOption
  | HostOption
  | ListOption
  | SetOption
  | UrlOption
  | TextOption;

/** Whether what this option holds is shown to nobody. */
export function isHidden({ kind }: Option): boolean {
  return kind === "secret" || kind === "keys";
}

/** The values that an option takes, as people read them: `0 to 65535`, `true or false`. */
export function rangeOf(option: Option): string {
  switch (option.kind) {
    case "integer":
      return `${option.min} to ${option.max}${option.unit === "" ? "" : ` ${option.unit}`}`;
    case "boolean":
      return "true or false";
    case "choice":
      return option.choices.join(", ");
    case "host":
      return "a host name or an IP address";
    case "list":
      return `up to ${MAX_NAMES} host names or IP addresses, no wildcards`;
    case "networks":
      return `up to ${MAX_NAMES} IP addresses or networks, such as 192.0.2.0/24`;
    case "origins":
      return `up to ${MAX_NAMES} origins, such as https://app.example.com, https://*.example.com or app://localhost`;
    case "multiples":
      return `up to ${MAX_NAMES} words with a multiple from 0 to 1000, such as guest=0.5`;
    case "words":
      return `up to ${MAX_NAMES} words`;
    case "listeners":
      return `up to ${MAX_NAMES} ports with names of dialects, such as wss:8443=pair or ws:8080=topic+raw`;
    case "virtual-hosts":
      return `up to ${MAX_NAMES} host names with names of dialects, such as mesh.example.com=mesh or old.example.com=topic+raw`;
    case "addresses":
      return "IP addresses, such as 192.0.2.1, or 10.0.0.4=192.0.2.1 with the public one behind it";
    case "url":
      return [...option.words, "an https URL"].join(", ");
    case "path":
      return "a path";
    case "email":
      return "an e-mail address, or a name with one behind it in <>";
    case "contact":
      return "an e-mail address, or a mailto:, https: or tel: URI";
    case "word":
      return "text";
    case "secret":
      return "16 to 1024 letters, digits, - and _ (base64url)";
    case "keys":
      return "JSON Web Keys, or PEM";
  }
}
