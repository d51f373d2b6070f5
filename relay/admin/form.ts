import type { IncomingMessage } from "node:http";

/** A token and two short fields. */
const MAX_FORM_BYTES = 4096;

/** Why a form was not read, as an HTTP status. */
export type FormRefusal = 411 | 413 | 415;

/** Whether a request's head announces a form that is to be read; else why not. No byte of it has been read yet. */
export function formRefusalOf({ headers }: IncomingMessage): FormRefusal | undefined {
  const [type = ""] = (headers["content-type"] ?? "").split(";", 1);
  const length = headers["content-length"];
  if (length === undefined) return headers["transfer-encoding"] === undefined ? 411 : 413;
  if (Number(length) > MAX_FORM_BYTES) return 413;
  return type.trim().toLowerCase() === "application/x-www-form-urlencoded" ? undefined : 415;
}

/** Reads a form whose head was found right: Node sees to it that no more comes than was announced, Routes that it comes on. */
export async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) if (chunk instanceof Buffer) chunks.push(chunk);
  return new URLSearchParams(Buffer.concat(chunks).toString("utf8"));
}
