/**
 * The page with another text between two markers, which stay.
 * @throws Error where one is missing.
 */
export function betweenMarkers(page: string, [begin, end]: readonly [string, string], text: string): string {
  const beginAt = page.indexOf(begin);
  const endAt = page.indexOf(end);
  if (beginAt < 0 || endAt < beginAt) throw new Error(`the page has lost its markers: ${begin} and ${end}`);
  return `${page.slice(0, beginAt + begin.length)}\n\n${text}\n${page.slice(endAt)}`;
}
