"""The first program in a network namespace of its own: `inside.py WAY... -- COMMAND...`.

Brings up loopback, starts the relays (relay.py) that are the only ways in and out, and becomes the command.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

SIOCSIFFLAGS = 0x8914
IFF_UP_AND_RUNNING = 0x41


def main(ways: list[str], command: list[str]) -> None:
    """Set up and exec."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP_AND_RUNNING))
    relay = [sys.executable, str(Path(__file__).with_name("relay.py")), *ways]
    # This thread becomes the command, so the relays end with it.
    subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", *relay])
    os.execvp(command[0], command)


if __name__ == "__main__":
    cut = sys.argv.index("--")
    main(sys.argv[1:cut], sys.argv[cut + 1 :])
