"""Servers that speak MLflow's protocol and go wrong as asked: by the row that a request holds, so that faults can be counted."""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Deed = Literal["answer", "500", "302", "malformed", "not JSON", "no HTTP", "hang", "close", "half", "last", "stall"]
GOOD = b'{"predictions": [1]}'


class Handler(BaseHTTPRequestHandler):
    """Does with each row what the server's `deed` says."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or the second packet of an answer waits 40 ms for the first one's receipt
    server: Server | SerialServer

    def do_GET(self) -> None:
        """Be ready."""
        self._say(200, b"")

    def do_POST(self) -> None:
        """Go wrong, or answer."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        (row,) = asked["dataframe_split"]["data"][0]
        self.server.asked.append(dict(self.headers))
        deed = self.server.deed(row)
        if deed == "500":
            self._say(500, b"out of memory")
        elif deed == "302":
            self._say(302, GOOD, Location="/invocations")
        elif deed == "malformed":
            self._say(200, b'{"predictions": []}')
        elif deed == "not JSON":
            self._say(200, b'{"predictions": [NaN]}')
        elif deed == "no HTTP":
            self.wfile.write(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")
            self.close_connection = True
        elif deed == "hang":
            self.server.released.wait(30)
            self.close_connection = True
        elif deed == "close":
            self.close_connection = True
        elif deed == "half":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + GOOD)
            self.close_connection = True
        elif deed == "last":  # nobody listens from before this answer on
            self.server.shutdown()
            self.server.socket.close()
            self._say(200, GOOD, Connection="close")
            self.close_connection = True
        else:
            time.sleep(1 if deed == "stall" else 0)
            self._say(200, GOOD)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _say(self, status: int, content: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


class Serial(Handler):
    """Ends each connection with its answer, so that the next one can be taken."""

    protocol_version = "HTTP/1.0"


class Server(ThreadingHTTPServer):
    """Answers all requests side by side; `asked` has the headers of each."""

    request_queue_size = 1024

    def __init__(self, deed: Callable[[int], Deed]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.deed, self.released = deed, threading.Event()
        self.asked: list[dict[str, str]] = []


class SerialServer(HTTPServer):
    """Answers one request after the other."""

    request_queue_size = 1024

    def __init__(self, deed: Callable[[int], Deed]) -> None:
        super().__init__(("127.0.0.1", 0), Serial)
        self.deed, self.released = deed, threading.Event()
        self.asked: list[dict[str, str]] = []


@contextmanager
def running(server: Server | SerialServer) -> Iterator[str]:
    """Run a server in this process and yield its address."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.released.set()
        server.shutdown()
        server.socket.close()
        thread.join()
