"""The lines of test/clients/programs/README.md."""

import base64
import os
import ssl
import sys

SHOWN_BYTES = 32_768


def tls_context(url):
    """The trust for an address; None where it needs none."""
    return ssl.create_default_context(cafile=os.environ["CA_FILE"]) if url.startswith("wss:") else None


def read_line():
    """The words of the next command; blocks. Empty at the end."""
    return sys.stdin.readline().split()


def read_dial(words):
    """The address, the subprotocols and the headers of a dial."""
    url, subprotocols, header = words
    headers = {}
    if header != "-":
        name, value = decode(header).decode().split(": ", 1)
        headers[name] = value
    return url, [] if subprotocols == "-" else subprotocols.split(","), headers


def decode(word):
    return base64.b64decode(word)


def encode(data):
    return base64.b64encode(data if isinstance(data, bytes) else str(data).encode()).decode() or "-"


def tell(*words):
    print(*("-" if word is None else word for word in words), flush=True)


def tell_message(message):
    kind, data = ("text", message.encode()) if isinstance(message, str) else ("binary", message)
    tell(kind, len(data), sum(data), encode(data) if len(data) <= SHOWN_BYTES else None)


def tell_closed(code, reason):
    tell("closed", code, encode(reason or ""))


def tell_refused(status, headers, error):
    tell("refused", status, headers.get("X-Refusal") if headers else None, encode(repr(error)))
