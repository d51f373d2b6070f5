"""Python's aiohttp, with its defaults."""

import asyncio

import aiohttp
from lines import decode, read_dial, read_line, tell, tell_closed, tell_message, tell_refused, tls_context


async def dial(session, words):
    url, subprotocols, headers = read_dial(words)
    try:
        socket = await session.ws_connect(url, protocols=subprotocols, headers=headers, ssl=tls_context(url) or True)
    except aiohttp.WSServerHandshakeError as error:
        return tell_refused(error.status, error.headers, error)
    except Exception as error:
        return tell_refused(None, None, error)
    tell("open", socket.protocol)
    return socket


async def receive(socket):
    while True:
        message = await socket.receive()
        match message.type:
            case aiohttp.WSMsgType.TEXT | aiohttp.WSMsgType.BINARY:
                tell_message(message.data)
            case aiohttp.WSMsgType.CLOSE:
                # Not `close_code`: that is 1006 where the other side had gone before the answer to its close was written.
                return tell_closed(message.data, message.extra)
            case aiohttp.WSMsgType.CLOSING:
                # Our own close: what came of it is known when it is over.
                return
            case _:
                return tell_closed(socket.close_code, None)


async def main():
    async with aiohttp.ClientSession() as session:
        while words := await asyncio.to_thread(read_line):
            match words:
                case ["dial", *arguments]:
                    if socket := await dial(session, arguments):
                        receiving = asyncio.create_task(receive(socket))
                case ["text", text]:
                    await socket.send_str(decode(text).decode())
                case ["binary", data]:
                    await socket.send_bytes(decode(data))
                case ["close", code]:
                    await socket.close(code=int(code))
                    await receiving
                    tell_closed(socket.close_code, None)


asyncio.run(main())
