"""A TLS front for one loopback port: `tls_terminator.py LISTEN TARGET CERT KEY [CLIENT_CA]`.

With CLIENT_CA only clients with a certificate of that CA get through; their common names are printed, one a connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import sys

PIECE_BYTES = 256 * 1024


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one direction to its end."""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while piece := await reader.read(PIECE_BYTES):
            writer.write(piece)
            await writer.drain()
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        writer.close()


async def main(listen: int, target: int, cert: str, key: str, client_ca: str | None) -> None:
    """Serve until killed."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if client_ca:
            subject = writer.get_extra_info("peercert")["subject"]
            print(*(value for parts in subject for name, value in parts if name == "commonName"), flush=True)
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(pump(reader, up_writer), pump(up_reader, writer))

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    server = await asyncio.start_server(connected, "127.0.0.1", listen, ssl=context)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:5], sys.argv[5] if sys.argv[5:] else None))
