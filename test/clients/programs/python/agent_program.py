"""Two agents, written from docs/agent.md and the original's pages alone: one on websockets, one on aiohttp.

Registers over HTTPS at the root of the relay's port, connects, and goes through all that an agent may do. Says `done` at the end;
what is not as the pages say ends it with an exception.
"""

import asyncio
import json
import re
import sys
import urllib.error
import urllib.request

import aiohttp
import websockets
from lines import tls_context


def register(url, body):
    """The answer to a registration: its status, and what it says."""
    address = re.sub(r"^wss", "https", url) + "/register"
    request = urllib.request.Request(address, data=body, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, context=tls_context(url), timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def expect(actual, expected):
    if actual != expected:
        raise AssertionError(f"{actual!r} is not {expected!r}")


class Websockets:
    """An agent with its token in the header."""

    async def connect(self, url, token):
        headers = {"Authorization": f"Bearer {token}"}
        self.socket = await websockets.connect(f"{url}/arc", additional_headers=headers, ssl=tls_context(url), proxy=None)
        return self

    async def send(self, **message):
        await self.socket.send(json.dumps(message))

    async def receive(self):
        return json.loads(await asyncio.wait_for(self.socket.recv(), 10))

    async def close(self):
        await self.socket.close()


class Aiohttp:
    """An agent with its token in the address."""

    async def connect(self, url, token):
        self.session = aiohttp.ClientSession()
        self.socket = await self.session.ws_connect(f"{url}/arc?token={token}", ssl=tls_context(url))
        return self

    async def send(self, **message):
        await self.socket.send_bytes(json.dumps(message).encode())

    async def receive(self):
        return json.loads((await self.socket.receive(10)).data)

    async def close(self):
        await self.socket.close()
        await self.session.close()


async def welcomed(agent, name):
    welcome = await agent.receive()
    expect((welcome["from"], welcome["to"], welcome["type"]), ("relay", [name], "welcome"))
    expect(sorted(welcome["payload"]), ["capabilities", "extensions", "relay", "version"])
    expect(isinstance(welcome["payload"]["capabilities"], list), True)
    return agent


async def refused(url, path):
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(f"{url}{path}", ssl=tls_context(url))
        message = await socket.receive(10)
        return message.data, message.extra


async def main(url):
    expect(register(url, b"null")[1]["error"], "invalid_json")
    status, first = register(url, b'{"agent_id": "py-alice"}')
    expect((status, first["agent_id"]), (200, "py-alice"))
    expect(register(url, b'{"agent_id": "py-alice"}')[1]["error"], "agent_id_taken")
    expect(register(url, b'{"agent_id": "relay"}')[0], 400)
    _, second = register(url, b"")
    bob_name = second["agent_id"]
    expect(bool(re.fullmatch(r"agent-[a-z0-9]{8}", bob_name)), True)

    expect(await refused(url, "/arc"), (4001, "Missing token"))
    expect(await refused(url, "/arc?token=tok_AAAAAAAAAAAAAAAA"), (4001, "Invalid or unregistered token"))

    alice = await welcomed(await Websockets().connect(url, first["token"]), "py-alice")
    bob = await welcomed(await Aiohttp().connect(url, second["token"]), bob_name)

    await bob.send(to=["relay"], type="subscribe", payload={"agents": ["py-alice"]})
    answer = await bob.receive()
    expect((answer["type"], answer["payload"]), ("subscribed", {"agents": ["py-alice"], "count": 1}))

    await alice.send(to=["*"], payload={"text": "für alle", "n": 1795200876384.0}, type="thought", ref="r1", extra=[1])
    message = await bob.receive()
    expect(message["from"], "py-alice")
    expect(message["payload"], {"text": "für alle", "n": 1795200876384.0})
    expect((message["type"], message["ref"], message["extra"]), ("thought", "r1", [1]))

    # Once, though it has subscribed: what comes next is the next message.
    await alice.send(to=[bob_name, bob_name, "nobody"], payload="for you")
    expect((await bob.receive())["payload"], "for you")

    await bob.send(to=["relay"], type="ping")
    expect((await bob.receive())["type"], "pong")
    await bob.send(to="py-alice", payload=1)
    expect((await bob.receive())["payload"], {"code": "invalid_message", "message": "to field must be an array"})

    # A second connection for one message, as the command line makes it: the first one hears all the same.
    once = await welcomed(await Websockets().connect(url, second["token"]), bob_name)
    await once.send(to=["py-alice"], payload="and gone")
    await once.close()
    expect((await alice.receive())["payload"], "and gone")
    await alice.send(to=[bob_name], payload="still there?")
    expect((await bob.receive())["payload"], "still there?")
    await bob.send(to=["relay"], type="list_subscriptions")
    expect((await bob.receive())["payload"], {"agents": ["py-alice"]})

    await alice.close()
    await bob.close()
    print("done")


asyncio.run(main(sys.argv[1]))
