import { parentPort, workerData } from "node:worker_threads";
import { CutLines, type LinesSetting } from "./cut-lines.ts";

// The lines of a proxy, on a thread of their own: what goes over them takes no time from the members.

/** What a thread is told; it says when it is done with it. */
export type LinesOrder = { readonly order: "cut" | "mend"; readonly member: number } | { readonly order: "close" };

/** What it begins with. */
export type LinesBeginning = LinesSetting & { readonly bytes: Float64Array };

const { bytes, ...setting } = workerData as LinesBeginning;
const lines = await CutLines.listen(setting, bytes);

async function follow(order: LinesOrder): Promise<void> {
  if (order.order === "close") {
    await lines.close();
    parentPort?.close();
  } else {
    lines[order.order](order.member);
    parentPort?.postMessage("done", []);
  }
}

parentPort?.on("message", (order: LinesOrder) => void follow(order));
parentPort?.postMessage(lines.ports, []);
