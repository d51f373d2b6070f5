"""Python's websocket-client, with its defaults: its WebSocketApp in a thread, as its users run it."""

import os
import threading

import websocket
from lines import decode, read_dial, read_line, tell, tell_closed, tell_message, tell_refused


class Connection:
    def __init__(self, words):
        url, subprotocols, headers = read_dial(words)
        self.is_open = False
        self.error = None
        self.app = websocket.WebSocketApp(
            url,
            subprotocols=subprotocols or None,
            header=headers,
            on_open=self.opened,
            on_message=lambda _, message: tell_message(message),
            on_error=self.failed,
            on_close=self.closed,
        )
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        self.app.run_forever(sslopt={"ca_certs": os.environ["CA_FILE"]})
        if not self.is_open:
            status = getattr(self.error, "status_code", None)
            headers = {name.title(): value for name, value in (getattr(self.error, "resp_headers", None) or {}).items()}
            tell_refused(status, headers, self.error)

    def opened(self, app):
        self.is_open = True
        tell("open", app.sock.getsubprotocol())

    def failed(self, _, error):
        self.error = error

    def closed(self, _, code, reason):
        if self.is_open:
            tell_closed(code or 1006, reason if code else self.error)


def main():
    connection = None
    while words := read_line():
        match words:
            case ["dial", *arguments]:
                connection = Connection(arguments)
            case ["text", text]:
                connection.app.send_text(decode(text).decode())
            case ["binary", data]:
                connection.app.send_bytes(decode(data))
            case ["close", code]:
                # Not the app's `close`: it reads the answer itself, beside the thread that reads, and either may get it.
                connection.app.sock.send_close(int(code))


main()
