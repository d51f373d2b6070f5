/** The relay's sign. */
export const MARK = `<svg class="mark" viewBox="0 0 48 48" fill="none" stroke="currentColor" stroke-width="3" stroke-linejoin="round" aria-hidden="true"><path d="M4 44V14h6v5h6v-5h16v5h6v-5h6v30z"/><path d="M18 44V33a6 6 0 0 1 12 0v11"/></svg>`;

/** The document around a page. @param links what it loads, or has of its own in place of it. */
export function documentOf(title: string, links: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title} · Postern relay</title>
<link rel="icon" href="data:,">
${links}
</head>
<body>
${body}
</body>
</html>
`;
}

/** For text and for attributes in double quotes. */
export function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text.replace(/[&<>"]/g, (character) => entities[character] ?? "");
}
