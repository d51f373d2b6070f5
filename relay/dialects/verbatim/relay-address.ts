const ADDRESS = /^\/relay\/([^/]+)$/;
/** Room for any id that is hard to guess, and a bound on what a stranger stores. */
const MAX_ID_BYTES = 128;

/** Reads the id of a path `/relay/<id>`; undefined: it is none. A percent sign that begins no code is itself. */
export function relayIdOf(path: string): string | undefined {
  const [, segment] = ADDRESS.exec(path) ?? [];
  const id = segment === undefined ? undefined : decoded(segment);
  return id === undefined || Buffer.byteLength(id) > MAX_ID_BYTES ? undefined : id;
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
