"""Asks a STUN server for the address that it sees (RFC 8489), with nothing but the standard library, and prints it."""

import ipaddress
import os
import socket
import struct
import sys

COOKIE = 0x2112A442

host, port = sys.argv[1], int(sys.argv[2])
family, kind, protocol, _, server = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
with socket.socket(family, kind, protocol) as asking:
    asking.settimeout(3)
    transaction = os.urandom(12)
    asking.sendto(struct.pack("!HHI", 0x0001, 0, COOKIE) + transaction, server)
    answer, _ = asking.recvfrom(1024)
    kind, length, cookie = struct.unpack_from("!HHI", answer)
    if (kind, cookie, answer[8:20]) != (0x0101, COOKIE, transaction):
        sys.exit(f"not the answer: {answer.hex()}")
    # The first attribute that has an address wins, as in the original's client.
    attribute, size, _, version, xored = struct.unpack_from("!HHBBH", answer, 20)
    if attribute != 0x0020:
        sys.exit(f"the first attribute is {attribute:#06x}")
    key = answer[4:20]
    address = bytes(a ^ b for a, b in zip(answer[28 : 24 + size], key))
    print(ipaddress.ip_address(address), xored ^ (COOKIE >> 16), asking.getsockname()[1])
