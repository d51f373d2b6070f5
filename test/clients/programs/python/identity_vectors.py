"""Computes what protocol/vectors/identity.json holds, by docs/identity.md alone. Prints how many values agree."""

import base64
import json
import struct
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sealing_vectors import CHUNK, VERSION, clear_bytes, derive, topic_of

PROOF = 6
PAIR, OF_STREAM = 128, 8


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def from_base64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def session_of(topic_id: str, public_key: bytes, session_key: bytes) -> str:
    random = base64url(derive(public_key + session_key, topic_id.encode(), b"session")[:16])
    return random[:-1] + dict(zip("AQgw", "BRhx"))[random[-1]]


def check_introduction(topic_id: str, member: dict) -> None:
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(member["privateKey"]))
    public_key = private.public_key().public_bytes_raw()
    session_key = X25519PrivateKey.from_private_bytes(bytes.fromhex(member["sessionPrivateKey"])).public_key().public_bytes_raw()
    sid = session_of(topic_id, public_key, session_key)
    signed = VERSION + b" session\0" + topic_id.encode() + sid.encode() + public_key + session_key
    assert base64url(public_key) == member["publicKey"]
    assert sid == member["sid"]
    assert (public_key + session_key + private.sign(signed)).hex() == member["introduction"]


def shared(private_key: str, public_key: str) -> bytes:
    private = X25519PrivateKey.from_private_bytes(bytes.fromhex(private_key))
    return private.exchange(X25519PublicKey.from_public_bytes(bytes.fromhex(public_key)))


def derived(common: bytes, earlier: bytes, label: bytes, bound: bytes) -> bytes:
    return derive(common, derive(earlier, VERSION, label), label + b"\0" + bound)


def seal(keys: dict, frame: bytes, sender: str, receiver: str, introduction: bytes) -> bytes:
    kind = frame[0]
    stream = frame[8:12] if kind == CHUNK else bytes(4)
    number = int.from_bytes(frame[2:8], "big")
    if kind == PROOF:
        flag, key = 0, derive(keys["group"], sender.encode(), b"control")
        frame += introduction + keys["confirmation"]
    elif kind == CHUNK and stream != bytes(4) and number > 1:
        flag, key = OF_STREAM, keys["stream"]
    else:
        flag, key = PAIR, derive(keys["pair"], sender.encode(), b"chunk" if kind == CHUNK else b"control")
    at = clear_bytes(frame)
    head = bytes((kind, frame[1] | flag)) + frame[2:at]
    bound = head[:2] + (b"" if kind == CHUNK else receiver.encode())
    return head + AESGCM(key).encrypt(bytes(2) + stream + frame[2:8], frame[at:], bound)


def check_presence(vectors: dict, sender: dict, key: bytes) -> None:
    presence = bytes.fromhex(vectors["presence"]["presence"])
    sealed = from_base64url(vectors["presence"]["sealed"])
    count = sealed[:6]
    opened = AESGCM(derive(key, sender["name"].encode(), b"presence")).decrypt(bytes(6) + count, sealed[6:], None)
    signed_part = count + struct.pack(">H", len(presence)) + presence
    assert count + opened[: 2 + len(presence)] == signed_part
    text = VERSION + b" presence\0" + vectors["topicId"].encode() + sender["name"].encode() + signed_part
    public_key = Ed25519PublicKey.from_public_bytes(from_base64url(sender["publicKey"]))
    public_key.verify(opened[-64:], text)
    try:
        public_key.verify(opened[-64:], text + b"?")
        raise AssertionError("any signature is right")
    except InvalidSignature:
        pass


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        vectors = json.load(file)
    sender, receiver = vectors["members"]
    topic = topic_of(bytes.fromhex(vectors["secret"]), "")
    assert topic["topicId"] == vectors["topicId"]
    for member in vectors["members"]:
        check_introduction(vectors["topicId"], member)
    group = bytes.fromhex(topic["groupKey"])
    sids = "\0".join(sorted((sender["sid"], receiver["sid"]))).encode()
    pair = derived(shared(sender["sessionPrivateKey"], receiver["sessionKey"]), group, b"pair", sids)
    assert pair.hex() == vectors["pairKey"]
    confirmation = derive(pair, sender["name"].encode(), b"confirm\0" + receiver["name"].encode())
    assert confirmation.hex() == vectors["confirmation"]
    halves = bytes.fromhex(sender["streamPublicKey"] + receiver["streamPublicKey"])
    secret = derived(shared(sender["streamPrivateKey"], receiver["streamPublicKey"]), pair, b"stream", halves)
    stream = derive(secret, sender["name"].encode(), b"stream")
    assert stream.hex() == vectors["streamKey"]
    keys = {"group": group, "pair": pair, "confirmation": confirmation, "stream": stream}
    introduction = bytes.fromhex(sender["introduction"])
    for vector in vectors["frames"]:
        sealed = seal(keys, bytes.fromhex(vector["frame"]), sender["name"], receiver["name"], introduction)
        assert sealed.hex() == vector["sealed"], vector["description"]
    check_presence(vectors, sender, bytes.fromhex(topic["presenceKey"]))
    assert derive(from_base64url(sender["publicKey"]), VERSION, b"rendezvous").hex() == vectors["rendezvousSecret"]
    print(f"{7 + len(vectors['frames'])} of {7 + len(vectors['frames'])} agree")


main()
