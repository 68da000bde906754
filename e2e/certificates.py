"""A private CA and one server certificate for loopback, made with the openssl program."""

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


@dataclass(frozen=True)
class Certificates:
    """PEM files: the CA that clients trust, the server's certificate and key."""

    ca: Path
    cert: Path
    key: Path


def make_certificates(folder: Path) -> Certificates:
    """Create the CA and a certificate for 127.0.0.1, localhost and *.localhost, valid for two days."""
    ca, ca_key = folder / "ca.pem", folder / "ca.key"
    cert, key, request = folder / "server.pem", folder / "server.key", folder / "server.csr"
    extensions = folder / "extensions"
    extensions.write_text(
        "subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:*.localhost\nextendedKeyUsage=serverAuth\n"
        "basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\n"
    )
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    run_checked(
        ["openssl", "req", "-x509", *curve, "-keyout", ca_key, "-out", ca, "-days", "2", "-subj", "/CN=OSP e2e CA",
         "-addext", "keyUsage=critical,keyCertSign,cRLSign"], folder,
    )  # fmt: skip
    run_checked(["openssl", "req", *curve, "-keyout", key, "-out", request, "-subj", "/CN=localhost"], folder)
    run_checked(
        ["openssl", "x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "2",
         "-extfile", extensions, "-out", cert], folder,
    )  # fmt: skip
    return Certificates(ca, cert, key)
