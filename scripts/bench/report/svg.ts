/** Text that begins at `x`, unless the attributes say otherwise, and stands on `y`. */
export function text(x: number, y: number, content: string, attributes = ""): string {
  const escaped = content.replace(/&/g, "&amp;").replace(/</g, "&lt;");
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" fill="#222" ${attributes}>${escaped}</text>`;
}

export function line(x1: number, y1: number, x2: number, y2: number, color: string, attributes = ""): string {
  return `<line x1="${x1.toFixed(1)}" y1="${y1.toFixed(1)}" x2="${x2.toFixed(1)}" y2="${y2.toFixed(1)}" stroke="${color}" ${attributes}/>`;
}
