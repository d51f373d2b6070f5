/** A name that is for some dialects alone, as an operator writes it: `mesh.example.com=mesh`, `old.example.com=topic+raw`. */
export type VirtualHostText = {
  /** In lower case. */
  readonly host: string;
  /** Names of dialects. */
  readonly dialects: readonly string[];
};

/** RFC 1123 section 2.1, with a dot: labels of letters, digits and hyphens. */
const VIRTUAL_HOST =
  /^(?=[^=]{1,253}=)((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?)=([a-z][a-z0-9+-]{0,127})$/;

/** Reads what stands for one name; undefined where it is none. */
export function readVirtualHost(text: string): VirtualHostText | undefined {
  const [, host, names = ""] = VIRTUAL_HOST.exec(text) ?? [];
  const dialects = names.split("+");
  return host === undefined || dialects.includes("") ? undefined : { host, dialects };
}

/** The same of an option that has been parsed. */
export function readVirtualHosts(texts: readonly string[]): readonly VirtualHostText[] {
  return texts.flatMap((text) => readVirtualHost(text) ?? []);
}
