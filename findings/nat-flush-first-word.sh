#!/usr/bin/env bash
# A Linux router with NAT forgets its connections (`conntrack -F`, a restart, a full table). What becomes of one depends on who speaks first.
# The client: the router takes the connection up again in the middle (nf_conntrack_tcp_loose is 1) and all goes on. The server: its packet is
# addressed to the router itself, which knows no such connection and answers with a reset; the client is told nothing, and is only reset when
# it says something itself. So a client that listens waits for ever on a connection that the server has ended long ago.
#
# Seen with Linux 6.18.44, iptables 1.8.9 and conntrack 1.4.7 of Debian bookworm:
#   first to speak   the server             the client
#   client           answers                gets the answer
#   server           connection reset       nothing in 5 s; reset when it speaks
#
# It needs root, iproute2, iptables and Python; the namespaces that it makes are its own.
set -euo pipefail

folder=$(mktemp -d)
name=finding-$$
trap 'for at in in box out; do ip netns del "$name-$at" 2>/dev/null || true; done; rm -rf "$folder"' EXIT
cd "$folder"
chmod 755 "$folder"

apt-get download --quiet conntrack=1:1.4.7-1+b2 libnetfilter-conntrack3=1.0.9-3 libnfnetlink0=1.0.2-2 libmnl0=1.0.4-3 >/dev/null 2>&1
for package in ./*.deb; do dpkg -x "$package" root; done
conntrack() {
  LD_LIBRARY_PATH=$(echo "$folder"/root/usr/lib/*-linux-gnu) ip netns exec "$name-box" "$folder/root/usr/sbin/conntrack" "$@"
}

for at in in box out; do ip netns add "$name-$at"; done
for at in in box out; do ip -n "$name-$at" link set lo up; done
ip link add lan netns "$name-in" type veth peer name lan netns "$name-box"
ip link add wan netns "$name-box" type veth peer name wan netns "$name-out"
ip -n "$name-in" addr add 10.213.1.2/24 dev lan
ip -n "$name-box" addr add 10.213.1.1/24 dev lan
ip -n "$name-box" addr add 10.213.2.1/24 dev wan
ip -n "$name-out" addr add 10.213.2.2/24 dev wan
for end in in:lan box:lan box:wan out:wan; do ip -n "$name-${end%:*}" link set "${end#*:}" up; done
ip -n "$name-in" route add default via 10.213.1.1
ip netns exec "$name-box" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
ip netns exec "$name-box" iptables -t nat -A POSTROUTING -o wan -j MASQUERADE
[[ $(ip netns exec "$name-box" cat /proc/sys/net/netfilter/nf_conntrack_tcp_loose) == 1 ]]

cat >server.py <<'PY'
import socket, sys
listener = socket.create_server(("10.213.2.2", 4433))
peer, _ = listener.accept()
peer.settimeout(20)
print("open", flush=True)
for line in sys.stdin:
    try:
        if line.strip() == "speak":
            peer.sendall(b"server")
            print("read", peer.recv(100).decode() or "end", flush=True)
        else:
            print("read", peer.recv(100).decode() or "end", flush=True)
            peer.sendall(b"answer")
    except OSError as error:
        print(type(error).__name__, flush=True)
PY
cat >client.py <<'PY'
import socket, sys
peer = socket.create_connection(("10.213.2.2", 4433))
print("open", flush=True)
for line in sys.stdin:
    try:
        if line.strip() == "speak":
            peer.sendall(b"client")
        peer.settimeout(5)
        print("read", peer.recv(100).decode() or "end", flush=True)
    except OSError as error:
        print(type(error).__name__, flush=True)
PY

# Opens a connection, lets the router forget it, and prints what both ends see of what follows.
after_flush() {
  local first=$1 server client heard
  coproc server { exec ip netns exec "$name-out" timeout 60 python3 server.py; }
  local from_server=${server[0]} to_server=${server[1]} server_pid=$server_PID
  for _ in {1..100}; do ip netns exec "$name-out" ss -Hltn | grep -q :4433 && break || sleep 0.1; done
  mkfifo "to-$first" "from-$first"
  ip netns exec "$name-in" timeout 60 python3 client.py <"to-$first" >"from-$first" &
  local client_pid=$!
  exec {to_client}>"to-$first" {from_client}<"from-$first"
  read -r _ <&"$from_server"
  read -r _ <&"$from_client"
  conntrack -F >/dev/null 2>&1
  if [[ $first == server ]]; then
    echo speak >&"$to_server"
    read -r heard <&"$from_server"
    echo "server: $heard"
    echo listen >&"$to_client"
    read -r heard <&"$from_client"
    echo "client: $heard"
  else
    echo listen >&"$to_server"
  fi
  echo speak >&"$to_client"
  read -r heard <&"$from_client"
  echo "client speaks: $heard"
  exec {to_client}>&- {from_client}<&-
  eval "exec $to_server>&-"
  wait "$client_pid" "$server_pid" 2>/dev/null || true
}

client_first=$(after_flush client)
server_first=$(after_flush server)
printf 'the client speaks first:\n%s\nthe server speaks first:\n%s\n' "$client_first" "$server_first"
[[ $client_first == 'client speaks: read answer' ]]
[[ $server_first == $'server: ConnectionResetError\nclient: TimeoutError\nclient speaks: ConnectionResetError' ]]
