#!/usr/bin/env bash
# The WritableStream of bare-stream, which `bare-stream/global` offers under the web's name, calls the `close` of its sink when it is made, and
# again never: before the first write, and not when the stream is closed. A sink that says the end to another side then says it first.
#
# Seen with Bare 1.31.0 and bare-stream 2.13.4; Node 22 writes "a" and then closes (WHATWG Streams, section 5).
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

npm install --silent --no-audit --no-fund bare-runtime@1.31.0 bare-stream@2.13.4 >/dev/null
cat >sink.cjs <<'JS'
const { WritableStream } = typeof Bare === "undefined" ? globalThis : require("bare-stream/web");
const called = [];
const sink = { write: (chunk) => void called.push(chunk), close: () => void called.push("close") };
const writer = new WritableStream(sink).getWriter();
writer
  .write("a")
  .then(() => writer.close())
  .then(() => console.log(called.join(", ")));
JS

bare=$(node_modules/.bin/bare sink.cjs)
node=$(node sink.cjs)
echo "on Bare: $bare; on Node: $node"
[[ $bare == "close, a" && $node == "a, close" ]] || { echo "this is not what was seen" >&2; exit 1; }
