"""Writes canonical-tokens.json: tokens as a client may send them, and what Python's json signs of each.

python3 test/conformance/mesh/canonical_tokens.py > test/conformance/mesh/canonical-tokens.json
"""

import json
import random

PIECES = ["a", "llm", "é", "\u007f", "\u0080", "\uffff", "\U0001f6aa", "\ud800", '"', "\\", "\n", "\u2028", "/", "\x00", "z", "~", " "]
NUMBERS = ["1795199191", "0", "-0", "1.0", "1.50", "1795199191.5", "1e3", "-1", "12345678901234567890", "0.1", "1795199191.25"]
NUMBERS += ["-0.0", "1E2", "100000.0", "123456789012345.6"]


def word():
    return "".join(random.choice(PIECES) for _ in range(random.randint(1, 4)))


def token():
    """The text of a token: some fields are left out, numbers are written in every way, strings with and without escapes."""
    fields = {"mesh_id": word(), "issuer_id": word(), "nonce": word()}
    if random.random() < 0.7:
        fields["node_id"] = random.choice([None, word()])
    if random.random() < 0.8:
        fields["capabilities"] = [word() for _ in range(random.randint(0, 6))]
    texts = [json.dumps(fields, ensure_ascii=random.random() < 0.5)[1:-1], json.dumps(fields)[1:-1]]
    end = ""
    if random.random() < 0.9:
        end += ',"issued_at":' + random.choice([*NUMBERS, "null"])
    if random.random() < 0.9:
        end += ' , "expires_at" : ' + random.choice(NUMBERS)
    end += ',"signature":"AA==","unknown":1}'
    try:
        texts[0].encode()
        return "{" + texts[0] + end
    except UnicodeEncodeError:
        # Half a surrogate pair can be written as an escape alone.
        return "{" + texts[1] + end


def signed(text):
    fields = json.loads(text)
    canonical = {
        "capabilities": sorted(fields.get("capabilities", [])),
        "expires_at": fields.get("expires_at", 0),
        "issued_at": fields.get("issued_at"),
        "issuer_id": fields["issuer_id"],
        "mesh_id": fields["mesh_id"],
        "node_id": fields.get("node_id"),
        "nonce": fields["nonce"],
    }
    return json.dumps(canonical, sort_keys=True, separators=(",", ":"))


random.seed(7)
tokens = [token() for _ in range(100)]
print(json.dumps([{"token": text, "signed": signed(text)} for text in tokens], indent=2))
