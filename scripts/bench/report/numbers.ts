/** With a comma before each three digits. */
export function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}

/** Three digits that count; nothing of what was not measured. */
export function digits(value: number | undefined): string {
  if (value === undefined) return "";
  return value >= 100 ? String(Math.round(value)) : value.toPrecision(3);
}
