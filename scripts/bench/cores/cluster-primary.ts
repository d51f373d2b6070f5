import cluster from "node:cluster";

/**
 * The primary of node:cluster. Arguments: the scheduling policy, the port, and for each worker its key and certificate.
 * A worker that ends is not started again: the measurement wants to see what happens without it.
 */
const [policy, port = "", ...files] = process.argv.slice(2);
cluster.schedulingPolicy = policy === "round-robin" ? cluster.SCHED_RR : cluster.SCHED_NONE;
const exec = new URL("./relay.ts", import.meta.url).pathname;
for (let index = 0; index < files.length; index += 2) {
  cluster.setupPrimary({ exec, args: [port, ...files.slice(index, index + 2)] });
  cluster.fork();
}
