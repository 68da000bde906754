"""The certificates of the control plane: one CA, the API server's certificate, client certificates, the token key."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from processes import run_checked

CURVE = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, both PEM files."""

    cert: Path
    key: Path


@dataclass(frozen=True)
class Pki:
    """PEM files below one folder, valid for two days."""

    folder: Path
    ca: Pair
    server: Pair
    # O=system:masters: may do everything, whatever RBAC says.
    admin: Pair
    # Signs ServiceAccount tokens.
    token_key: Path


def make_pki(folder: Path) -> Pki:
    """Make all of it with the openssl program."""
    folder.mkdir()
    ca = Pair(folder / "ca.crt", folder / "ca.key")
    run_checked(
        ["openssl", "req", "-x509", *CURVE, "-keyout", ca.key, "-out", ca.cert, "-days", "2", "-subj", "/CN=e2e-kube",
         "-addext", "keyUsage=critical,keyCertSign,cRLSign"], folder,
    )  # fmt: skip
    token_key = folder / "tokens.key"
    run_checked(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", token_key], folder)
    server = signed(folder, ca, "server", "/CN=kube-apiserver", "IP:127.0.0.1,DNS:localhost")
    admin = signed(folder, ca, "admin", "/O=system:masters/CN=e2e-admin", "DNS:admin")
    return Pki(folder, ca, server, admin, token_key)


def signed(folder: Path, ca: Pair, name: str, subject: str, names: str) -> Pair:
    """Return a certificate that the CA signed, for servers and clients."""
    made = Pair(folder / f"{name}.crt", folder / f"{name}.key")
    request, extensions = folder / f"{name}.csr", folder / f"{name}.ext"
    extensions.write_text(
        f"subjectAltName={names}\nextendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=CA:FALSE\n"
    )
    run_checked(["openssl", "req", *CURVE, "-keyout", made.key, "-out", request, "-subj", subject], folder)
    run_checked(
        ["openssl", "x509", "-req", "-in", request, "-CA", ca.cert, "-CAkey", ca.key, "-CAcreateserial", "-days", "2",
         "-extfile", extensions, "-out", made.cert], folder,
    )  # fmt: skip
    return made
