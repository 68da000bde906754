"""A TCP relay before OSP's HTTP listener that reads along: `recorder.py PORT TARGET NEEDLES HITS SIGNATURES TOTALS`.

It changes no byte. Into HITS goes, one JSON string a line, what a client was sent and should not have been: anything
with a word of the file NEEDLES in it. SIGNATURES gets the signatures that clients sent, which no log may have. TOTALS
gets one line for each connection that ended: how many bytes were searched.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from canary import Search

PIECE_BYTES = 256 * 1024
# How long a client may go on to send what nobody takes any more, so that no reset eats the answer that it got.
LINGER_S = 5
SIGNATURE = re.compile(rb"Signature=([0-9a-f]{64})")
SIGNATURE_BYTES = len("Signature=") + 64


@dataclass
class Recorder:
    """What is relayed where to, and the files that it is told to."""

    target: int
    needles: list[str]
    hits: Path
    signatures: Path
    totals: Path
    lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, file: Path, line: str) -> None:
        """Append a line, so that it is there when this process is killed."""
        with self.lock, file.open("a") as out:
            out.write(line + "\n")

    def serve(self, client: socket.socket) -> None:
        """Relay one connection to its end."""
        with client, socket.create_connection(("127.0.0.1", self.target)) as gateway:
            for sock in (client, gateway):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            upwards = threading.Thread(target=pump, args=(client, gateway, self.signature_reader(), True), daemon=True)
            upwards.start()
            search, total = Search(self.needles), 0

            def look(piece: bytes) -> None:
                nonlocal total
                total += len(piece)
                for found in search.feed(piece):
                    self.tell(self.hits, json.dumps(found.decode("latin-1")))

            pump(gateway, client, look)
            upwards.join()
            self.tell(self.totals, str(total))

    def signature_reader(self) -> Callable[[bytes], None]:
        """Return what keeps the signatures of one client's requests."""
        kept = b""

        def look(piece: bytes) -> None:
            nonlocal kept
            window = kept + piece
            for found in SIGNATURE.findall(window):
                self.tell(self.signatures, found.decode())
            kept = window[1 - SIGNATURE_BYTES :]

        return look


def pump(source: socket.socket, sink: socket.socket, look: Callable[[bytes], None], linger: bool = False) -> None:
    """Copy one direction to its end; when it breaks, the other one ends with it.

    With `linger` what the sink takes no more is read and thrown away: a gateway that has answered and closed must not
    keep the client from reading the answer.
    """
    try:
        while piece := source.recv(PIECE_BYTES):
            look(piece)
            try:
                sink.sendall(piece)
            except OSError:
                if not linger:
                    raise
                source.settimeout(LINGER_S)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for sock in (source, sink):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


def main(port: int, target: int, needles: Path, hits: Path, signatures: Path, totals: Path) -> None:
    """Listen until killed."""
    recorder = Recorder(target, json.loads(needles.read_text()), hits, signatures, totals)
    with socket.create_server(("127.0.0.1", port), backlog=256) as server:
        while True:
            client, _ = server.accept()
            threading.Thread(target=recorder.serve, args=(client,), daemon=True).start()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *map(Path, sys.argv[3:]))
