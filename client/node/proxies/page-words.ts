const MAX_CHARACTERS = 200;
const ENTITIES: Readonly<Record<string, string>> = {
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&#39;": "'",
  "&nbsp;": " ",
  "&amp;": "&",
};

/**
 * The first words of a page, for people: without tags, in one line, about 200 characters at most.
 * @param page HTML or text, perhaps cut off.
 * @param secrets that must not be repeated.
 * @returns undefined where nothing is left, or the page has one of the secrets in it
 */
export function wordsOfPage(page: string, secrets: readonly string[]): string | undefined {
  const text = page
    // The size of a first chunk (RFC 9112 section 7.1).
    .replace(/^[\da-f]{1,8}\r\n/i, "")
    .replace(/<(style|script|title)\b[^]*?(?:<\/\1|$)/gi, "<")
    .replace(/<[^>]*(?:>|$)/g, " ")
    .replace(/&(?:lt|gt|quot|#39|nbsp|amp);/g, (entity) => ENTITIES[entity] ?? " ")
    .replace(/[^\x20-\x7e\xa1-\uffff]+/g, " ")
    .replace(/ {2,}/g, " ")
    .trim();
  const forms = secrets.flatMap((secret) => [secret, encodeURIComponent(secret)]).map((form) => form.toLowerCase());
  const seen = `${page}\n${text}`.toLowerCase();
  if (text === "" || forms.some((form) => form !== "" && seen.includes(form))) return undefined;
  return text.length <= MAX_CHARACTERS ? text : `${text.slice(0, MAX_CHARACTERS).replace(/ [^ ]*$/, "")} ...`;
}
