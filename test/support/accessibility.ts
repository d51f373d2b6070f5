import axe from "axe-core";
import type { BrowserPage } from "./browser.ts";

/** What axe-core finds wrong with a page as it is now: a line for each rule and place. Best practices are among the rules. */
export async function accessibilityFaults(page: BrowserPage): Promise<unknown> {
  await page.evaluate(`${axe.source}; undefined`);
  return page.evaluate(`axe.run(document).then(({ violations }) =>
    violations.flatMap(({ id, help, nodes }) => nodes.map(({ html }) => id + ": " + help + ": " + html.slice(0, 160))))`);
}
