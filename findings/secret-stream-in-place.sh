#!/usr/bin/env bash
# @hyperswarm/secret-stream decrypts in place: the Buffers that its raw stream emits are its own from then on, and hold the plain
# text afterwards. A raw stream that hands the same Buffer to a second reader (a log, a copy to another peer, a resend buffer) gives that
# one what was to be secret, and what was kept for sending again is no ciphertext any more: the peer refuses it.
#
# Seen with @hyperswarm/secret-stream 6.9.2: the ciphertext as it left the sender is not what the receiver's raw stream holds once the
# message was read; that has the message in it.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

npm install --silent --no-audit --no-fund @hyperswarm/secret-stream@6.9.2 streamx@2.22.0 >/dev/null
cat >pair.cjs <<'JS'
const SecretStream = require("@hyperswarm/secret-stream");
const { Duplex } = require("streamx");

const kept = [];
const as = [];
function end(other, keeps) {
  return new Duplex({
    write(data, done) {
      const bytes = Buffer.from(data);
      if (keeps) {
        kept.push(bytes);
        as.push(Buffer.from(bytes));
      }
      other().push(bytes);
      done(null);
    },
  });
}
const a = end(() => b, true);
const b = end(() => a, false);
const sender = new SecretStream(true, a);
const receiver = new SecretStream(false, b);
const message = Buffer.from("the gate is open at noon");
sender.write(message);
receiver.once("data", (data) => {
  const at = kept.findIndex((bytes) => bytes.includes(message));
  const wasPlain = as.some((bytes) => bytes.includes(message));
  console.log(`read ${data.equals(message)}, sent in plain ${wasPlain}, in the raw Buffer afterwards ${at >= 0}`);
  process.exit();
});
JS

seen=$(node pair.cjs)
echo "$seen"
[[ $seen == "read true, sent in plain false, in the raw Buffer afterwards true" ]] || { echo "this is not what was seen" >&2; exit 1; }
