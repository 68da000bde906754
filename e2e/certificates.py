"""Private CAs and certificates for loopback, made with the openssl program."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from processes import run_checked

# Clients must trust our CA because a test says so, never because of the machine's settings (recipes.md section 1).
CA_VARIABLES = (
    "AWS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
)
CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class Certificates:
    """PEM files: the CA that the other side trusts, a certificate of it and its key."""

    ca: Path
    cert: Path
    key: Path


def make_certificates(folder: Path) -> Certificates:
    """Create a CA and a certificate for 127.0.0.1, localhost and *.localhost, valid for two days."""
    names = "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:*.localhost\nextendedKeyUsage=serverAuth\n"
    return made(folder, "localhost", names)


def make_client_certificate(folder: Path, name: str) -> Certificates:
    """Create a CA and a certificate of a client with this common name."""
    return made(folder, name, "extendedKeyUsage=clientAuth\n")


def made(folder: Path, name: str, extensions: str) -> Certificates:
    """Create a CA in a folder, or take the one that is there, and a certificate of it."""
    ca, ca_key = folder / "ca.pem", folder / "ca.key"
    cert, key, request = (folder / f"{name}.{kind}" for kind in ("pem", "key", "csr"))
    if not ca.exists():
        run_checked(
            ["openssl", "req", "-x509", *CURVE, "-keyout", ca_key, "-out", ca, "-days", "2", "-subj", "/CN=OSP e2e CA",
             "-addext", "keyUsage=critical,keyCertSign,cRLSign"], folder,
        )  # fmt: skip
    extension_file = folder / f"{name}.extensions"
    extension_file.write_text(f"{extensions}basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\n")
    run_checked(["openssl", "req", *CURVE, "-keyout", key, "-out", request, "-subj", f"/CN={name}"], folder)
    run_checked(
        ["openssl", "x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "2",
         "-extfile", extension_file, "-out", cert], folder,
    )  # fmt: skip
    return Certificates(ca, cert, key)
