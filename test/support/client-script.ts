import { resolve } from "node:path";
import { rolldown } from "rolldown";

/** The client as one script that a page may run: it is `postern` there. */
export async function clientScript(): Promise<string> {
  const build = await rolldown({ input: resolve("client/index.ts"), platform: "browser", logLevel: "silent" });
  const { output } = await build.generate({ format: "iife", name: "postern", minify: true });
  await build.close();
  return output[0].code;
}
