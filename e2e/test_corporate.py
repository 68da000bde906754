"""Corporate networks (C29): proxies on the way to backends and on the way to OSP, client certificates, ingresses."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import pytest
from botocore.exceptions import ClientError

from backends import REGION, Backend, Keys
from canary import BACKEND_HOST, marked
from certificates import Certificates, make_client_certificate
from clients import BotoProcess, Endpoint, cli_program
from corpus import body_of
from firewalled import FirewalledOsp
from gateway import (
    Osp,
    Place,
    backend_entry,
    client_documents,
    credential_documents,
    document,
    grant,
    route_document,
)
from matrix import places_of
from processes import Child, free_ports, listens, wait_until
from seeding import at_backend, create_bucket, read
from squid import Squid

pytestmark = pytest.mark.gateway
# Where OSP finds the two ports of the proxy in its own network.
OPEN, GUARDED = 3128, 3129
BODY = body_of("corporate", 300_000)


@pytest.fixture(scope="module")
def squid() -> Iterator[Squid]:
    """The corporate proxy."""
    proxy = Squid("osp", Keys.random("").secret_key)
    proxy.start()
    yield proxy
    proxy.stop()


@dataclass(frozen=True)
class TlsFront:
    """A TLS front before a backend; with a CA for clients, it prints who came."""

    port: int
    child: Child

    @property
    def callers(self) -> list[str]:
        """The common names of the clients, one a connection."""
        return self.child.stdout.read_text().splitlines()


@pytest.fixture(scope="module")
def tls_fronts(
    servers: dict[str, Backend], certificates: Certificates, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[tuple[str, str], TlsFront]]:
    """Two TLS fronts for each backend: for `anybody`, and for those with a certificate of the CA of the `known`."""
    folder = tmp_path_factory.mktemp("fronts")
    known = make_client_certificate(folder, "first")
    made = {}
    for server in servers.values():
        for kind, authority in (("anybody", []), ("known", [known.ca])):
            (port,) = free_ports(1)
            script = Path(__file__).with_name("tls_terminator.py")
            command = [sys.executable, script, str(port), str(server.port), certificates.cert, certificates.key]
            child = Child(f"{server.name}-{kind}", [*command, *authority], folder)
            made[server.name, kind] = TlsFront(port, child)
            child.wait_ready(lambda port=port: listens(port))
    yield made
    for front in made.values():
        front.child.stop()


def certificate_secret(name: str, certificate: Certificates) -> dict[str, Any]:
    """Return a Secret of type kubernetes.io/tls."""
    data = {"tls.crt": certificate.cert.read_text(), "tls.key": certificate.key.read_text()}
    return document("Secret", name, type="kubernetes.io/tls", stringData=data)


def ca_documents(certificates: Certificates) -> list[dict[str, Any]]:
    """Return the ConfigMap of the suite's CA."""
    found = document("ConfigMap", "suite-ca", data={"ca.crt": certificates.ca.read_text()})
    return [found | {"apiVersion": "v1"}]


def tls_settings(client_certificate: str | None = None) -> dict[str, Any]:
    """Return `tls` of a backend behind one of the fronts."""
    trusted = {"serverName": "localhost", "caCertificateRefs": [{"kind": "ConfigMap", "name": "suite-ca"}]}
    return trusted | ({"clientCertificateRef": {"name": client_certificate}} if client_certificate else {})


def store_of(server: Backend) -> Place:
    """The one bucket of these tests at a backend; every route leads to it."""
    return Place("", server, marked(f"corporate-{server.name}"), f"{marked('below')}/")


def s3(endpoint: Endpoint, **settings: Any) -> Any:  # noqa: ANN401
    """Return a boto3 client that does not try again."""
    config = botocore.config.Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, **settings)
    return boto3.session.Session().client(
        "s3", endpoint_url=endpoint.url, region_name=REGION, aws_access_key_id=endpoint.keys.access_key,
        aws_secret_access_key=endpoint.keys.secret_key, verify=str(endpoint.ca), config=config,
    )  # fmt: skip


def assert_serves(client: Any, bucket: str, server: Backend, key: str) -> None:  # noqa: ANN401
    """put, get, list, delete, and the object was at the backend in between."""
    place = store_of(server)
    client.put_object(Bucket=bucket, Key=key, Body=BODY)
    assert read(server, place.backend_bucket, place.prefix + key) == BODY
    assert client.get_object(Bucket=bucket, Key=key)["Body"].read() == BODY
    assert [item["Key"] for item in client.list_objects_v2(Bucket=bucket, Prefix=key)["Contents"]] == [key]
    client.delete_object(Bucket=bucket, Key=key)
    assert "Contents" not in client.list_objects_v2(Bucket=bucket, Prefix=key)


def assert_unreachable(client: Any, bucket: str, server: Backend, key: str, *others: int) -> None:  # noqa: ANN401
    """put, get and list are answered 503 (or with one of the others), and nothing arrived."""
    for operation, arguments in (
        ("put_object", {"Key": key, "Body": BODY}),
        ("get_object", {"Key": key}),
        ("list_objects_v2", {}),
    ):
        with pytest.raises(ClientError) as error:
            getattr(client, operation)(Bucket=bucket, **arguments)
        status = error.value.response["ResponseMetadata"]["HTTPStatusCode"]
        assert status in (503, *others), (operation, error.value)
    place = store_of(server)
    left = at_backend(server).list_objects_v2(Bucket=place.backend_bucket, Prefix=place.prefix + key)
    assert "Contents" not in left


@pytest.fixture(scope="module")
def stores(servers: dict[str, Backend]) -> None:
    """The bucket of each backend."""
    for server in servers.values():
        create_bucket(server, store_of(server).backend_bucket)


@pytest.fixture(scope="module")
def firewalled(
    stores: None,
    squid: Squid,
    servers: dict[str, Backend],
    certificates: Certificates,
    client_keys: Keys,
    tls_fronts: dict[tuple[str, str], TlsFront],
    gateways: list[Osp],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[FirewalledOsp]:
    """OSP whose network has nothing but the proxy, and routes by every way through it and past it."""
    ways = {OPEN: squid.open_port, GUARDED: squid.guarded_port}
    osp = FirewalledOsp(tmp_path_factory.mktemp("fw"), certificates, host_names=[BACKEND_HOST], ways_out=ways)
    gateways.append(osp)
    right = {"username": squid.username, "password": squid.password}
    osp.write("clients.yaml", client_documents("tester", client_keys) + ca_documents(certificates))
    osp.write(
        "proxies.yaml",
        [
            document("Secret", name, type="Opaque", stringData=data)
            for name, data in (("proxy-right", right), ("proxy-wrong", right | {"password": "0" * 40}))
        ],
    )
    for server in servers.values():
        routes = []
        for way, proxy in PROXIES.items():
            for scheme in ("http", "https"):
                entry = backend_entry(store_of(server), endpoint=server.named_endpoint)
                if scheme == "https":
                    front = tls_fronts[server.name, "anybody"]
                    entry |= {"endpoint": f"https://{BACKEND_HOST}:{front.port}", "tls": tls_settings()}
                entry |= {"proxy": proxy} if proxy else {}
                routes.append(route_document(f"{server.name}-{way}-{scheme}", entry, [grant("tester")]))
        osp.write(f"{server.name}.yaml", credential_documents(server.name, server.keys) + routes)
    osp.start()
    yield osp
    osp.stop()


def through(port: int, secret: str | None = None) -> dict[str, Any]:
    """Return `proxy` of a backend."""
    credentials = {"credentialsSecretRef": {"name": secret}} if secret else {}
    return {"url": f"http://127.0.0.1:{port}", **credentials}


# What a route says about the way to its backend; the word is a part of the bucket's name.
PROXIES = {
    "open": through(OPEN),
    "guarded": through(GUARDED, "proxy-right"),
    "wrong": through(GUARDED, "proxy-wrong"),
    "nameless": through(GUARDED),
    "directly": None,
}


@pytest.mark.parametrize("to", ["http", "https"])
@pytest.mark.parametrize("way", ["open", "guarded"])
def test_backend_behind_a_proxy(
    firewalled: FirewalledOsp, client_keys: Keys, backend: str, server: Backend, way: str, to: str
) -> None:
    """put, get, list and delete reach a backend that only the proxy reaches, with proxy credentials and without."""
    client = s3(firewalled.endpoint("http", client_keys))
    assert_serves(client, f"{backend}-{way}-{to}", server, f"{way}-{to}")


@pytest.mark.parametrize("to", ["http", "https"])
@pytest.mark.parametrize("way", ["wrong", "nameless", "directly"])
def test_backend_is_out_of_reach_otherwise(
    firewalled: FirewalledOsp, client_keys: Keys, backend: str, server: Backend, way: str, to: str
) -> None:
    """The same endpoint without the proxy, or with a proxy that refuses: 503, and nothing arrives."""
    assert_unreachable(s3(firewalled.endpoint("http", client_keys)), f"{backend}-{way}-{to}", server, f"{way}-{to}")


def test_the_proxy_saw_tunnels_by_name(
    firewalled: FirewalledOsp,
    squid: Squid,
    servers: dict[str, Backend],
    tls_fronts: dict[tuple[str, str], TlsFront],
    client_keys: Keys,
) -> None:
    """Each way is a CONNECT to the backend's name, by the user of the route; and a refused one was answered 407."""
    client = s3(firewalled.endpoint("http", client_keys))
    expected = {}
    for server in servers.values():
        for way, user in (("open", "-"), ("guarded", squid.username)):
            for to, port in (("http", server.port), ("https", tls_fronts[server.name, "anybody"].port)):
                client.list_objects_v2(Bucket=f"{server.name}-{way}-{to}")
                expected[server.name, way, to] = f"CONNECT {BACKEND_HOST}:{port} {user} 200"
        for way in ("wrong", "nameless"):
            with pytest.raises(ClientError):
                client.list_objects_v2(Bucket=f"{server.name}-{way}-http")
    firewalled.stop()  # squid writes its line when a tunnel ends, and OSP keeps tunnels for the next request
    wait_until("squid's log", lambda: set(expected.values()) <= set(squid.told()))
    refused = {line.rpartition(" ")[2] for line in squid.told()} - {"200"}
    assert "407" in refused
    assert not [line for line in squid.told() if line.endswith(" 200") and line not in expected.values()]


# What the platform says about all backends; routes say nothing about proxies here.
PROCESS_PROXIES = {
    "everything": ({}, True),
    "by name": ({"NO_PROXY": f"other.example,{BACKEND_HOST}"}, False),
    "by domain": ({"no_proxy": ".test"}, False),
    "another port": ({"NO_PROXY": f"{BACKEND_HOST}:1,10.0.0.0/8"}, True),
}


@pytest.mark.parametrize("case", PROCESS_PROXIES)
def test_proxies_of_the_environment(
    case: str, stores: None, squid: Squid, servers: dict[str, Backend], certificates: Certificates, client_keys: Keys,
    gateways: list[Osp], tls_fronts: dict[tuple[str, str], TlsFront],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:  # fmt: skip
    """HTTP_PROXY and HTTPS_PROXY lead to backends whose route names no proxy, but for what NO_PROXY names."""
    more, through_proxy = PROCESS_PROXIES[case]
    variables = {
        "HTTP_PROXY": f"http://127.0.0.1:{OPEN}",
        "HTTPS_PROXY": f"http://{squid.username}:{squid.password}@127.0.0.1:{GUARDED}",
    }
    ways = {OPEN: squid.open_port, GUARDED: squid.guarded_port}
    folder = tmp_path_factory.mktemp("environment")
    osp = FirewalledOsp(folder, certificates, host_names=[BACKEND_HOST], ways_out=ways, variables=variables | more)
    gateways.append(osp)
    osp.write("clients.yaml", client_documents("tester", client_keys) + ca_documents(certificates))
    server = next(iter(servers.values()))
    front = tls_fronts[server.name, "anybody"]
    plain = backend_entry(store_of(server), endpoint=server.named_endpoint)
    secure = plain | {"endpoint": f"https://{BACKEND_HOST}:{front.port}", "tls": tls_settings()}
    routes = [route_document(to, entry, [grant("tester")]) for to, entry in (("http", plain), ("https", secure))]
    osp.write("routes.yaml", credential_documents(server.name, server.keys) + routes)
    osp.start()
    try:
        client = s3(osp.endpoint("http", client_keys))
        for bucket in ("http", "https"):
            judge = assert_serves if through_proxy else assert_unreachable
            judge(client, bucket, server, f"environment-{bucket}")
    finally:
        osp.stop()
    assert squid.password not in "".join(text.decode(errors="replace") for text in osp.tell().values())


CERTIFICATE_BUCKETS = ("first", "second", "stranger", "none")


@pytest.fixture(scope="module")
def mutual(
    stores: None,
    servers: dict[str, Backend],
    certificates: Certificates,
    client_keys: Keys,
    tls_fronts: dict[tuple[str, str], TlsFront],
    gateways: list[Osp],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Osp]:
    """OSP with four routes to one front that wants to know who comes: two certificates, one of another CA, none."""
    folder = tmp_path_factory.mktemp("mutual")
    osp = Osp(folder, certificates, host_names=[BACKEND_HOST])
    gateways.append(osp)
    known = next(iter(tls_fronts.values())).child.log.parent
    osp.write(
        "clients.yaml",
        [
            *client_documents("tester", client_keys),
            *ca_documents(certificates),
            certificate_secret("first", make_client_certificate(known, "first")),
            certificate_secret("second", make_client_certificate(known, "second")),
            certificate_secret("stranger", make_client_certificate(folder, "stranger")),
        ],
    )
    for server in servers.values():
        routes = []
        for name in CERTIFICATE_BUCKETS:
            front = tls_fronts[server.name, "known"]
            entry = backend_entry(store_of(server), endpoint=f"https://{BACKEND_HOST}:{front.port}")
            entry["tls"] = tls_settings(None if name == "none" else name)
            routes.append(route_document(f"{server.name}-{name}", entry, [grant("tester")]))
        osp.write(f"{server.name}.yaml", credential_documents(server.name, server.keys) + routes)
    osp.start()
    yield osp
    osp.stop()


def test_each_route_shows_its_own_certificate(
    mutual: Osp, tls_fronts: dict[tuple[str, str], TlsFront], client_keys: Keys, backend: str, server: Backend
) -> None:
    """Two routes to one backend never share a connection; a certificate of another CA, or none, is not let in.

    With TLS 1.3 the client has finished its handshake when the server looks at its certificate: what OSP sees then is a
    connection that ends, and that is 502.
    """
    client = s3(mutual.endpoint("http", client_keys))
    front = tls_fronts[server.name, "known"]
    for name in ("first", "second", "first"):
        assert_serves(client, f"{backend}-{name}", server, f"mutual-{name}")
    assert set(front.callers) == {"first", "second"}
    for name in ("stranger", "none"):
        assert_unreachable(client, f"{backend}-{name}", server, f"mutual-{name}", 502)
    assert set(front.callers) == {"first", "second"}


@pytest.mark.parametrize("front", ["http", "https"])
@pytest.mark.parametrize("guarded", [False, True], ids=["open", "guarded"])
def test_clients_behind_a_forward_proxy(
    osp: Osp, squid: Squid, client_keys: Keys, backend: str, server: Backend, front: str, guarded: bool, tmp_path: Path
) -> None:
    """boto3 and aws-cli reach OSP through a proxy: the signature verifies, and the bytes are whole.

    Squid rewrites the request line, adds Via and X-Forwarded-For and frames bodies anew; over HTTPS it opens a tunnel.
    """
    place, key = places_of(server)[1], f"corporate/{front}"
    endpoint = osp.own_endpoint(front, client_keys)
    port = squid.guarded_port if guarded else squid.open_port
    user = f"{squid.username}:{squid.password}@" if guarded else ""
    proxy = f"http://{user}127.0.0.1:{port}"
    client = s3(endpoint, proxies={"http": proxy, "https": proxy})
    before = len(squid.told())
    client.put_object(Bucket=place.bucket, Key=key, Body=BODY)
    assert read(server, place.backend_bucket, place.prefix + key) == BODY
    assert client.get_object(Bucket=place.bucket, Key=key)["Body"].read() == BODY
    listed = client.list_objects_v2(Bucket=place.bucket, Prefix=key)
    assert [item["Key"] for item in listed["Contents"]] == [key]

    environment = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "HTTP_PROXY": proxy, "HTTPS_PROXY": proxy,
        "AWS_ACCESS_KEY_ID": client_keys.access_key, "AWS_SECRET_ACCESS_KEY": client_keys.secret_key,
    }  # fmt: skip
    copied = tmp_path / "copied"
    aws = [cli_program("aws-cli-2"), "--endpoint-url", endpoint.url, "--ca-bundle", endpoint.ca, "s3", "cp"]
    subprocess.run([*aws, f"s3://{place.bucket}/{key}", copied], env=environment, check=True, timeout=120)
    assert copied.read_bytes() == BODY
    client.delete_object(Bucket=place.bucket, Key=key)
    client.close()
    name = squid.username if guarded else "-"
    authority = endpoint.url.partition("://")[2]
    lines = {
        "http": f"GET http://{authority}/{place.bucket}/{key} {name} 200",
        "https": f"CONNECT {authority} {name} 200",
    }
    wait_until("squid's log", lambda: lines[front] in squid.told()[before:])


INGRESS = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log stderr;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  client_max_body_size 0; proxy_http_version 1.1; proxy_request_buffering off;
  server {{ listen 127.0.0.1:{keeping}; location / {{ proxy_pass {target}; proxy_set_header Host $http_host; }} }}
  server {{ listen 127.0.0.1:{rewriting}; location / {{ proxy_pass {target}; proxy_set_header Host internal.test; }} }}
}}
"""


@pytest.fixture(scope="module")
def ingress(osp: Osp, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    """nginx before OSP: the port that keeps the client's Host, and the one that writes another one over it."""
    folder = tmp_path_factory.mktemp("ingress")
    keeping, rewriting = free_ports(2)
    configuration = folder / "nginx.conf"
    target = f"http://{osp.addresses['http']}"
    configuration.write_text(INGRESS.format(folder=folder, keeping=keeping, rewriting=rewriting, target=target))
    child = Child("nginx", ["/usr/sbin/nginx", "-e", "stderr", "-c", configuration], folder)
    child.wait_ready(lambda: listens(keeping) and listens(rewriting))
    yield keeping, rewriting
    child.stop()


@pytest.mark.parametrize("style", ["path", "virtual"])
def test_ingress(
    ingress: tuple[int, int], client_keys: Keys, certificates: Certificates, backend: str, server: Backend, style: str,
    boto_processes: dict[str, BotoProcess],
) -> None:  # fmt: skip
    """An ingress that keeps the Host is not noticed, in both styles; one that rewrites it breaks the signature."""
    place, key = places_of(server)[1], f"corporate/{style}"
    keeping, rewriting = (
        boto_processes["boto3"].client(
            Endpoint(f"http://localhost:{port}", client_keys, certificates.ca, virtual_host=style == "virtual")
        )
        for port in ingress
    )
    keeping.call("put_object", Bucket=place.bucket, Key=key, Body=BODY)
    assert read(server, place.backend_bucket, place.prefix + key) == BODY
    assert keeping.call("get_object", Bucket=place.bucket, Key=key)["Body"] == BODY
    with pytest.raises(ClientError) as error:
        rewriting.call("get_object", Bucket=place.bucket, Key=key)
    assert error.value.response["Error"]["Code"] == "SignatureDoesNotMatch"
    keeping.call("delete_object", Bucket=place.bucket, Key=key)
