"""TCP relays between two networks: `relay.py FROM=TO ...`, each a loopback port or `unix:PATH`.

A Unix socket has no network: one relay on either side of it joins a network namespace with the world outside, and
nothing else does.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

from tls_terminator import pump

UNIX = "unix:"


async def connect(to: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Open the other end."""
    if to.startswith(UNIX):
        return await asyncio.open_unix_connection(to.removeprefix(UNIX))
    return await asyncio.open_connection("127.0.0.1", int(to))


async def listen(way: str) -> asyncio.Server:
    """Serve one way."""
    source, _, to = way.partition("=")

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            up_reader, up_writer = await connect(to)
            await asyncio.gather(pump(reader, up_writer), pump(up_reader, writer))
        writer.close()

    if source.startswith(UNIX):
        return await asyncio.start_unix_server(connected, source.removeprefix(UNIX))
    return await asyncio.start_server(connected, "127.0.0.1", int(source))


async def main(ways: list[str]) -> None:
    """Serve until killed."""
    servers = [await listen(way) for way in ways]
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
