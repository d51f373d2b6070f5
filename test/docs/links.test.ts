import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, it } from "vitest";
import { readSourceFiles } from "../../scripts/checks/source-files.ts";

const NOT_OURS = new Set(["node_modules", "dist", "coverage", ".git"]);

it("links from page to page only to files and headings that exist", () => {
  const pages = markdownFiles(".");

  const broken = pages.flatMap((page) =>
    linksOf(page)
      .filter((link) => !resolves(link, page))
      .map((link) => `${page}: ${link}`),
  );

  expect(pages).toContain("README.md");
  expect(pages.length).toBeGreaterThan(7);
  expect(broken).toEqual([]);
});

it("names in the code only pages and headings that exist", () => {
  const named = readSourceFiles("protocol", "relay", "scripts").flatMap(({ path, text }) =>
    [...text.matchAll(/\bdocs\/[\w./-]+\.md(#[\w-]+)?/g)].map(([page]) => ({ path, page })),
  );

  const broken = named.filter(({ page }) => !resolves(page, "README.md"));

  expect(named.map(({ page }) => page)).toContain("docs/protocol.md#classic-messages");
  expect(broken).toEqual([]);
});

it("has every folder of the relay in the code map of ARCHITECTURE.md", () => {
  const page = readFileSync("ARCHITECTURE.md", "utf8");
  const folders = new Set(readSourceFiles("protocol", "relay").map(({ path }) => `${dirname(path)}/`));

  const missing = [...folders].filter((folder) => folder !== "relay/" && !page.includes(`| \`${folder}\` |`));

  expect(missing).toEqual([]);
});

function markdownFiles(folder: string): readonly string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    if (NOT_OURS.has(entry.name)) return [];
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return markdownFiles(path);
    return entry.name.endsWith(".md") ? [path] : [];
  });
}

/** The targets of a page's links to other files and to its own headings. */
function linksOf(page: string): readonly string[] {
  return [...withoutCode(readFileSync(page, "utf8")).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target ?? "")
    .filter((target) => !/^[a-z]+:/.test(target));
}

/** Whether the file is there, and in it a heading for the part behind `#`. */
function resolves(link: string, page: string): boolean {
  const [file = "", anchor] = link.split("#", 2);
  const target = file === "" ? page : normalize(join(dirname(page), file));
  if (!existsSync(target)) return false;
  return anchor === undefined || anchorsOf(target).includes(anchor);
}

/** The anchors that a page's headings get: lower case, spaces to hyphens, punctuation gone. */
function anchorsOf(page: string): readonly string[] {
  return [...withoutCode(readFileSync(page, "utf8")).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

function withoutCode(page: string): string {
  return page.replace(/^ *```[\s\S]*?^ *```/gm, "");
}
