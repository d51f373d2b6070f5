/** Paths of PEM files. */
export type TlsFiles = { readonly key: string; readonly certificate: string };

/** What the program `programs/box.ts` is: each listens on one port of the box. */
export type BoxRole =
  /** Agrees to a WebSocket and gives no frame to anybody; passes all else on. @property caFile by which it knows the relay. */
  | { readonly role: "swallow"; readonly port: number; readonly tls: TlsFiles; readonly caFile: string }
  /** Answers all requests by a page. @property tls left out: it speaks none, whatever is wanted. */
  | {
      readonly role: "page";
      readonly port: number;
      readonly status: number;
      readonly location?: string;
      readonly tls?: TlsFiles;
    }
  | { readonly role: "silence"; readonly port: number }
  /** A DNS server. @property address IPv4, its answer to everything; left out: there is no such name. */
  | { readonly role: "names"; readonly port: number; readonly address?: string };
