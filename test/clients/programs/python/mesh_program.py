"""A founder and its members, written from docs/mesh.md alone: on websockets and aiohttp, with cryptography for keys and tokens.

Says `done` at the end; what is not as the page says ends it with an exception.
"""

import asyncio
import base64
import hashlib
import json
import os
import sys
import time

import aiohttp
import websockets
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lines import tls_context


def expect(actual, expected):
    if actual != expected:
        raise AssertionError(f"{actual!r} is not {expected!r}")


def encode(data):
    return base64.b64encode(data).decode()


class Key:
    def __init__(self):
        self.secret = Ed25519PrivateKey.generate()
        self.public = self.secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.id = hashlib.sha256(self.public).hexdigest()[:16]


class Mesh:
    def __init__(self):
        self.key, self.node = Key(), Key()
        self.id = self.key.id

    def registration(self):
        return {
            "type": "register_mesh",
            "mesh_id": self.id,
            "node_id": self.node.id,
            "mesh_public_key": encode(self.key.public),
            "founder_proof": encode(self.node.secret.sign(self.id.encode())),
            "node_public_key": encode(self.node.public),
            "name": "zu Hause",
            "capabilities": ["llm"],
        }

    def token(self, **changes):
        now = int(time.time())
        fields = {
            "mesh_id": self.id,
            "node_id": None,
            "issued_at": now,
            "expires_at": now + 86400,
            "capabilities": ["participant", "größe", "\U0001f6aa", "\uffff"],
            "issuer_id": self.node.id,
            "nonce": os.urandom(16).hex(),
            **changes,
        }
        signed = {**fields, "capabilities": sorted(fields["capabilities"])}
        text = json.dumps(signed, sort_keys=True, separators=(",", ":"))
        return {**fields, "signature": encode(self.key.secret.sign(text.encode()))}


class Websockets:
    async def connect(self, url):
        self.socket = await websockets.connect(url, ssl=tls_context(url), proxy=None)
        return self

    async def send(self, message):
        await self.socket.send(json.dumps(message))

    async def receive(self):
        return json.loads(await asyncio.wait_for(self.socket.recv(), 10))

    async def closed(self):
        await self.socket.wait_closed()
        return self.socket.close_code, self.socket.close_reason

    async def close(self):
        await self.socket.close()


class Aiohttp:
    async def connect(self, url):
        self.session = aiohttp.ClientSession()
        self.socket = await self.session.ws_connect(url, ssl=tls_context(url))
        return self

    async def send(self, message):
        # As bytes, as one of the Android transports does.
        await self.socket.send_bytes(json.dumps(message).encode())

    async def receive(self):
        return json.loads((await self.socket.receive(10)).data)

    async def closed(self):
        message = await self.socket.receive(10)
        await self.session.close()
        return message.data, message.extra

    async def close(self):
        await self.socket.close()
        await self.session.close()


async def enter(library, url, first):
    """A node that has been let in, and what it heard first."""
    node = await library().connect(url)
    await node.send(first)
    answers = [await node.receive() for _ in range(3 if first["type"] == "register_mesh" else 2)]
    expect([answer["type"] for answer in answers][-2:], ["joined", "peers"])
    return node, answers


async def refused(library, url, first):
    node = await library().connect(url)
    await node.send(first)
    error = await node.receive()
    expect(error["type"], "error")
    return error["code"], error["message"], (await node.closed())[0]


async def main(base):
    mesh, other = Mesh(), Mesh()
    url = f"{base}/mesh/relay/{mesh.id}"
    founder, answers = await enter(Websockets, url, mesh.registration())
    expect(answers[0], {"type": "mesh_registered", "success": True})
    expect(answers[1], {"type": "joined", "mesh": "zu Hause", "mesh_id": mesh.id, "node_count": 1})

    token = mesh.token()
    phone, answers = await enter(Aiohttp, url, {"type": "join", "node_id": "phone", "name": "Phone", "token": token})
    expect([peer["node_id"] for peer in answers[1]["peers"]], [mesh.node.id])
    joined = await founder.receive()
    expect((joined["type"], joined["node_id"], joined["name"]), ("peer_joined", "phone", "Phone"))

    for first, code in [
        ({"type": "join", "node_id": "x"}, "TOKEN_REQUIRED"),
        ({"type": "join", "node_id": mesh.node.id}, "TOKEN_REQUIRED"),
        ({"type": "join", "node_id": "thief", "token": token}, "TOKEN_INVALID"),
        ({"type": "join", "node_id": "x", "token": other.token()}, "TOKEN_INVALID"),
        ({"type": "join", "node_id": "x", "token": {**mesh.token(), "capabilities": ["admin"]}}, "TOKEN_INVALID"),
        ({"type": "join", "node_id": "x", "token": mesh.token(expires_at=int(time.time()) - 1)}, "TOKEN_INVALID"),
        ({**mesh.registration(), "founder_proof": encode(bytes(64))}, "REGISTRATION_FAILED"),
        ({"type": "register_mesh", "node_id": "x"}, "MISSING_FIELDS"),
    ]:
        for library in (Websockets, Aiohttp):
            expect((await refused(library, url, first))[::2], (code, 1008))

    await phone.send({"type": "broadcast", "payload": {"from": "forged", "text": "für alle", "n": 1.0}})
    message = await founder.receive()
    expect(message, {"type": "message", "from": "phone", "payload": {"from": "phone", "text": "für alle", "n": 1.0}})
    await founder.send({"type": "direct", "target": "phone", "payload": ["as", "it", "is"]})
    expect(await phone.receive(), {"type": "message", "from": mesh.node.id, "payload": ["as", "it", "is"]})
    await phone.send({"type": "direct", "target": "ghost", "payload": 1})
    expect(await phone.receive(), {"type": "error", "message": "Peer ghost not found"})

    await phone.send({"type": "llm_request", "request_id": "r-ü", "prompt": "2+2?"})
    request = await founder.receive()
    expect((request["type"], request["from"], request["prompt"]), ("llm_request", "phone", "2+2?"))
    expect(request["messages"], [{"role": "user", "content": "2+2?"}])
    answer = {"type": "llm_response", "target": "phone", "request_id": request["request_id"], "response": "4", "error": None}
    await founder.send(answer)
    expect(await phone.receive(), {"type": "llm_response", "from": mesh.node.id, "request_id": "r-ü", "response": "4"})

    again, _ = await enter(Websockets, url, {"type": "join", "node_id": "phone", "token": token})
    expect(await phone.closed(), (1000, "Replaced by new connection"))
    expect([(await founder.receive())["type"] for _ in range(2)], ["peer_left", "peer_joined"])
    await again.send({"type": "ping"})
    expect((await again.receive())["type"], "pong")
    await again.close()
    expect((await founder.receive()), {"type": "peer_left", "node_id": "phone"})
    await founder.close()

    # A mesh that nobody has registered, and the token that the original's own test client sends.
    one, answers = await enter(Aiohttp, f"{base}/mesh/relay/py-open", {"type": "register", "node_id": "n", "token": "test-token"})
    expect(answers[0]["mesh"], "py-open")
    await one.close()
    print("done")


asyncio.run(main(sys.argv[1]))
