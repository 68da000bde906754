"""A fake S3 backend that keeps nothing: `sink.py PORT`. It discards what is PUT and streams what is asked for.

For measuring OSP's memory with bodies that no real server of the suite could hold. `GET /bucket/SIZE` (last segment of
the key) answers SIZE zero bytes; every other request is answered 200 once its body is read.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import tempfile
import threading

PIECE_BYTES = 1024 * 1024
HEAD_LIMIT_BYTES = 64 * 1024
OK = 'HTTP/1.1 200 OK\r\nETag: "00000000000000000000000000000000"\r\nx-amz-request-id: SINK\r\n'


def read_head(sock: socket.socket) -> tuple[bytes, bytes]:
    """Return a request's head and what was read of its body; an empty head when the client has gone."""
    seen = b""
    while b"\r\n\r\n" not in seen:
        piece = sock.recv(HEAD_LIMIT_BYTES)
        if not piece or len(seen) > HEAD_LIMIT_BYTES:
            return b"", b""
        seen += piece
    head, _, rest = seen.partition(b"\r\n\r\n")
    return head, rest


def serve(sock: socket.socket, zeros: int) -> None:
    """Serve one connection to its end; `zeros` is a large sparse file to send from."""
    buffer = bytearray(PIECE_BYTES)
    with sock, contextlib.suppress(ConnectionError):
        while True:
            head, rest = read_head(sock)
            if not head:
                return
            line, *headers = head.decode("latin-1").split("\r\n")
            method, target, _ = line.split(" ")
            fields = [header.partition(":") for header in headers]
            lengths = [value for name, _, value in fields if name.lower() == "content-length"]
            left = int(lengths[0]) - len(rest) if lengths else 0
            while left > 0:
                count = sock.recv_into(buffer, min(left, PIECE_BYTES))
                if count == 0:
                    return
                left -= count
            last = target.partition("?")[0].rpartition("/")[2]
            size = int(last) if method in ("GET", "HEAD") and last.isdigit() else 0
            sock.sendall(f"{OK}Content-Length: {size}\r\n\r\n".encode())
            if method == "GET" and size:
                sent = 0
                while sent < size:
                    sent += os.sendfile(sock.fileno(), zeros, sent, size - sent)


def main(port: int) -> None:
    """Listen until killed."""
    with tempfile.TemporaryFile() as zeros, socket.create_server(("127.0.0.1", port), backlog=64) as server:
        zeros.truncate(8 * 1024**3)
        while True:
            sock, _ = server.accept()
            threading.Thread(target=serve, args=(sock, zeros.fileno()), daemon=True).start()


if __name__ == "__main__":
    main(int(sys.argv[1]))
