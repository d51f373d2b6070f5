#!/usr/bin/env bash
# install.sh: installs the client libraries that test/clients meets a relay with, pinned, into a folder outside the repository
# (POSTERN_CLIENTS), and builds the programs that have to be built. What this machine has no tools for is left out.
# install.sh --has PART: says by its exit code whether a part is there as this folder wants it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=${POSTERN_CLIENTS:-~/.cache/postern-clients}

# What each part depends on: when one of these files changes, the part is installed anew.
declare -A sources=(
  [javascript]=install.sh
  [python]="install.sh programs/python/requirements.txt"
  [go]="install.sh programs/go"
  [java]="install.sh programs/java"
  [rust]="install.sh programs/rust"
)
declare -A tools=([javascript]=npm [python]=python3 [go]=go [java]=javac [rust]=cargo)

stamp() {
  # shellcheck disable=SC2086 # The sources are words.
  (cd "$here" && find ${sources[$1]} -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum)
}

has() {
  [[ $(cat "$folder/$1.stamp" 2>/dev/null) == "$(stamp "$1")" ]]
}

install_javascript() {
  local machine
  machine=$(uname -m)
  local node=${machine/x86_64/x64} bun=${machine/x86_64/x64} deno=${machine/x86_64/x64}
  # The packages of the programs themselves: they have no scripts to run at their installation.
  npm install --prefix "$folder" --no-save --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error \
    "node22@npm:node-linux-${node/aarch64/arm64}@22.23.3" \
    "node24@npm:node-linux-${node/aarch64/arm64}@24.21.0" \
    "node26@npm:node-linux-${node/aarch64/arm64}@26.10.0" \
    "bun@npm:@oven/bun-linux-$bun@1.4.5" \
    "deno@npm:@deno/linux-${deno/aarch64/arm64}-glibc@2.9.6" \
    workerd@1.20261117.1 ws@8.23.0 undici@8.13.1
}

install_python() {
  python3 -m venv "$folder/python"
  "$folder/python/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/programs/python/requirements.txt"
}

install_go() {
  mkdir -p "$folder/go"
  (cd "$here/programs/go" && go build -o "$folder/go/" ./gorilla ./coder)
}

install_java() {
  javac -d "$folder/java" "$here/programs/java/JdkClient.java"
}

install_rust() {
  CARGO_TARGET_DIR="$folder/rust/target" cargo install --quiet --locked --root "$folder/rust" --path "$here/programs/rust"
  rm -rf "$folder/rust/target"
}

if [[ ${1:-} == --has ]]; then
  has "$2"
  exit
fi
mkdir -p "$folder"
for part in javascript python go java rust; do
  if has "$part"; then continue; fi
  command -v "${tools[$part]}" >/dev/null || { echo "left out: $part, as there is no ${tools[$part]}" >&2; continue; }
  "install_$part"
  stamp "$part" >"$folder/$part.stamp"
done
