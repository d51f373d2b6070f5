"""Connections of Python's websockets, with its defaults, that do what their plans say (test/network/plan.ts)."""

import asyncio
import base64
import json
import ssl
import struct
import sys

import websockets

TLS = ssl.create_default_context()
TLS.check_hostname = False
TLS.verify_mode = ssl.CERT_NONE


def tell(**event):
    print(json.dumps(event), flush=True)


class Connection:
    def __init__(self, plan):
        self.plan = plan
        self.name = plan["name"]
        self.send_plan = plan.get("send")
        self.names = {}
        self.handles = {}
        self.begun = asyncio.Event()
        self.may_send = asyncio.Event()
        self.may_send.set()

    async def run(self):
        plan = self.plan
        options = {}
        if plan["url"].startswith("wss:"):
            options["ssl"] = TLS
        if plan["form"] != "classic":
            options["subprotocols"] = ["postern.v1"]
        if plan.get("keepalive") == "patient":
            options["ping_timeout"] = None
        socket = await websockets.connect(plan["url"], **options)
        sender = asyncio.create_task(self.send_all(socket)) if self.send_plan else None
        try:
            for topic in plan["topics"]:
                join = {"type": "join", "topic": topic, "peerId": self.name}
                if plan["form"] == "binary":
                    join["encoding"] = "binary"
                await socket.send(json.dumps(join))
                if plan["form"] == "classic":
                    # The original's protocol has no answer to a join: a pong comes behind it.
                    await (await socket.ping())
                    tell(name=self.name, event="joined", topic=topic)
            async for message in socket:
                self.take(message)
                rate = plan.get("readBytesPerSecond", 0)
                if rate:
                    await asyncio.sleep(len(message) / rate)
        except websockets.ConnectionClosed:
            pass
        await socket.wait_closed()
        if sender:
            sender.cancel()
        tell(name=self.name, event="closed", code=socket.close_code or 1006, reason=socket.close_reason or "")

    def take(self, message):
        if isinstance(message, bytes):
            self.message(self.names.get(struct.unpack_from(">I", message, 8)[0], ""), message[12:])
            return
        message = json.loads(message)
        kind = message["type"]
        if kind == "joined":
            self.handles[message["topic"]] = message["topicHandle"]
            for member in message["members"]:
                self.names[member["peerHandle"]] = member["peerId"]
            tell(name=self.name, event="joined", topic=message["topic"])
            if message["members"]:
                self.met(message["topic"])
        elif kind == "peer-joined":
            self.names[message.get("peerHandle")] = message["peerId"]
            self.met(message.get("topic"))
        elif kind == "data":
            self.message(message["peerId"], base64.b64decode(message["data"]))
        elif kind == "peer-left":
            tell(name=self.name, event="peer-left", peerId=message["peerId"])
        elif kind in ("congested", "relieved"):
            tell(name=self.name, event=kind)
            if self.send_plan and self.send_plan.get("isPolite"):
                if kind == "congested":
                    self.may_send.clear()
                else:
                    self.may_send.set()

    def message(self, sender, payload):
        tell(name=self.name, event="message", **{"from": sender}, index=int(payload[:8]), bytes=len(payload))

    def met(self, topic):
        if self.send_plan and self.send_plan["begins"] == "when-met" and topic in (None, self.send_plan["topic"]):
            self.begun.set()

    async def send_all(self, socket):
        plan = self.send_plan
        await self.begun.wait()
        index = 0
        try:
            while plan["count"] == 0 or index < plan["count"]:
                await self.may_send.wait()
                await socket.send(self.write(index))
                tell(name=self.name, event="sent", index=index)
                index += 1
                # A send that does not wait does not let anything else run either.
                await asyncio.sleep(0)
        except websockets.ConnectionClosed:
            pass

    def write(self, index):
        plan = self.send_plan
        payload = b"%08d" % index + b"x" * (plan["sizeBytes"] - 8)
        if self.plan["form"] == "binary":
            return struct.pack(">BBHII", 1, 0, 0, self.handles[plan["topic"]], 0) + payload
        message = {"type": "data", "data": base64.b64encode(payload).decode()}
        if self.plan["form"] == "json":
            message["topic"] = plan["topic"]
        return json.dumps(message)


async def listen(reader, connections):
    async for line in reader:
        for connection in connections:
            if line.decode().strip() in (connection.name, "all"):
                connection.begun.set()


async def main():
    # The first line of the standard input is the plans, each further one the name of a sender that may begin.
    reader = asyncio.StreamReader(limit=2**24)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    connections = [Connection(plan) for plan in json.loads(await reader.readline())]
    listening = asyncio.create_task(listen(reader, connections))
    await asyncio.gather(*(connection.run() for connection in connections))
    listening.cancel()


asyncio.run(main())
