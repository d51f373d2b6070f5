"""Opens and seals what protocol/vectors/sealing.json holds, by docs/encryption.md alone. Prints how many values agree."""

import base64
import json
import struct
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

VERSION = b"postern-client/1"
MESSAGE, CHUNK, ACKNOWLEDGEMENT = 1, 4, 5
RESEND, BOUND = 1, 16


def derive(material: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(material)


def topic_of(secret: bytes, name: str) -> dict:
    values = {label: derive(secret, VERSION, label.encode() + b"\0" + name.encode()) for label in ("topic", "group", "presence")}
    return {
        "name": name,
        "topicId": base64.urlsafe_b64encode(values["topic"]).decode().rstrip("="),
        "groupKey": values["group"].hex(),
        "presenceKey": values["presence"].hex(),
    }


def sealing_of(group: bytes, sender: str, receiver: str | None, head: bytes) -> tuple[AESGCM, bytes, bytes]:
    """The key, the nonce, and what is bound."""
    kind, flags = head[0], head[1] & ~RESEND
    stream = head[8:12] if kind in (CHUNK, ACKNOWLEDGEMENT) else bytes(4)
    bound = bytes((kind, flags))
    if kind == MESSAGE:
        label = b"message"
    elif kind == CHUNK:
        label = b"chunk\0" + receiver.split(".")[0].encode()
    else:
        label = b"control"
        bound += (receiver or "").encode()
    return AESGCM(derive(group, sender.encode(), label)), bytes(2) + stream + head[2:8], bound


def clear_bytes(frame: bytes) -> int:
    if frame[0] == CHUNK and frame[1] & BOUND:
        return len(frame)
    return 12 if frame[0] in (CHUNK, ACKNOWLEDGEMENT) else 8


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        vectors = json.load(file)
    secret = bytes.fromhex(vectors["secret"])
    count = 0
    for expected in vectors["topics"]:
        assert topic_of(secret, expected["name"]) == expected, expected["name"]
        count += 1
    group = bytes.fromhex(vectors["topics"][0]["groupKey"])
    for vector in vectors["frames"]:
        frame, sealed = bytes.fromhex(vector["frame"]), bytes.fromhex(vector["sealed"])
        at = clear_bytes(frame)
        key, nonce, bound = sealing_of(group, vectors["from"], vector["to"], frame[:at])
        bound += frame[12:at]
        assert frame[:at] + key.encrypt(nonce, frame[at:], bound) == sealed, vector["description"]
        assert sealed[:at] + key.decrypt(nonce, sealed[at:], bound) == frame, vector["description"]
        try:
            key.decrypt(nonce, sealed[at:], bound + b"?")
        except InvalidTag:
            count += 1
    shown = AESGCM(derive(bytes.fromhex(vectors["topics"][0]["presenceKey"]), vectors["from"].encode(), b"presence"))
    for number, vector in enumerate(vectors["presences"], 1):
        presence = bytes.fromhex(vector["presence"])
        size = next(padded for padded in (234, 490, 746) if padded >= 2 + len(presence))
        plaintext = (struct.pack(">H", len(presence)) + presence).ljust(size, b"\0")
        sealed = number.to_bytes(6, "big") + shown.encrypt(number.to_bytes(12, "big"), plaintext, None)
        assert base64.urlsafe_b64encode(sealed).decode().rstrip("=") == vector["sealed"]
        count += 1
    total = sum(len(vectors[part]) for part in ("topics", "frames", "presences"))
    print(f"{count} of {total} agree")


if __name__ == "__main__":
    main()
