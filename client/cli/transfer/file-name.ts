import { basename } from "node:path";

const MAX_NAME_BYTES = 200;
/** Names that mean devices on Windows, with any ending. */
const DEVICES = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/**
 * A name for a file in the present folder, from one that somebody else has given it: no way into another folder, nothing hidden,
 * nothing that a terminal or another system takes for more than a name.
 */
export function safeFileName(name: string): string {
  const last = basename(name.replaceAll("\\", "/"));
  const plain = last
    .normalize("NFC")
    .replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}\p{Zl}\p{Zp}<>:"|?*/]/gu, "_")
    .replace(/^[.\s-]+/u, "")
    .replace(/[.\s]+$/u, "");
  const short = cutTo(plain, MAX_NAME_BYTES);
  return short === "" || DEVICES.test(short) ? `file_${short}` : short;
}

function cutTo(name: string, maxBytes: number): string {
  let cut = name;
  while (Buffer.byteLength(cut) > maxBytes) cut = Array.from(cut).slice(0, -1).join("");
  return cut;
}
