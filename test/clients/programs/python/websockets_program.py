"""Python's websockets, with its defaults."""

import asyncio

import websockets
from lines import decode, read_dial, read_line, tell, tell_closed, tell_message, tell_refused, tls_context


async def dial(words):
    url, subprotocols, headers = read_dial(words)
    try:
        socket = await websockets.connect(
            url, ssl=tls_context(url), subprotocols=subprotocols or None, additional_headers=headers, proxy=None
        )
    except websockets.InvalidStatus as error:
        return tell_refused(error.response.status_code, error.response.headers, error)
    except Exception as error:
        return tell_refused(None, None, error)
    tell("open", socket.subprotocol)
    return socket


async def receive(socket):
    try:
        async for message in socket:
            tell_message(message)
    except websockets.ConnectionClosed:
        pass
    tell_closed(socket.close_code, socket.close_reason)


async def main():
    while words := await asyncio.to_thread(read_line):
        match words:
            case ["dial", *arguments]:
                if socket := await dial(arguments):
                    receiving = asyncio.create_task(receive(socket))
            case ["text", text]:
                await socket.send(decode(text).decode())
            case ["binary", data]:
                await socket.send(decode(data))
            case ["close", code]:
                await socket.close(int(code))
                await receiving


asyncio.run(main())
