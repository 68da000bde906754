"""aws-cli 1 and 2 as users type them, over HTTP and HTTPS: cp, ls, sync, mv, rm, presign and some of s3api.

An invocation costs a second of CPU, so each test is a scenario of several steps.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from clients import CLI_CLIENTS, AwsCli, cli
from corpus import FILE_NAMES, KEYS, body_of, key_named
from gateway import Place
from raw_http import fetch
from seeding import MANY, MANY_PREFIX, read

CLIENTS = CLI_CLIENTS
MIB = 1024 * 1024
# Three parts at aws-cli's default part size of 8 MiB.
BIG = 17 * MIB + 1
AN_HOUR_AGO_S = time.time() - 3600


def files_below(folder: Path) -> dict[str, bytes]:
    """Return every file of a tree by its relative name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def make_tree(folder: Path) -> dict[str, bytes]:
    """Write a tree with the corpus's names and one file of three parts."""
    files = {KEYS[name]: body_of(name) for name in FILE_NAMES} | {"big/file": body_of("big", BIG), "empty": b""}
    for name, body in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        # Old enough for sync, which compares with the second that the server writes down.
        os.utime(path, (AN_HOUR_AGO_S, AN_HOUR_AGO_S))
    return files


def test_high_level_commands(aws: AwsCli, client: str, place: Place, tmp_path: Path) -> None:
    """A tree goes up by sync, is listed, copied, moved, presigned, comes down by sync, and is removed."""
    source, target = tmp_path / "source", tmp_path / "target"
    files = make_tree(source)
    tree = f"s3://{place.bucket}/tree"

    aws.run("s3", "sync", source, tree, "--only-show-errors")
    big = read(place.backend, place.backend_bucket, f"{place.prefix}tree/big/file")
    assert big == files["big/file"]

    assert aws.run("s3", "sync", source, tree, "--dryrun") == "", "a second sync has nothing to do"
    shown = [line[31:] for line in aws.run("s3", "ls", "--recursive", f"{tree}/").splitlines()]
    assert sorted(shown) == sorted(f"tree/{name}" for name in files)
    assert place.bucket in aws.run("s3", "ls")

    if client == "aws-cli-1":
        aws.sign_urls_with_version_4()
    url = aws.run("s3", "presign", f"{tree}/{KEYS['plus']}").strip()
    answer = fetch(url, aws.endpoint.ca)
    assert (answer.status, answer.body) == (200, files[KEYS["plus"]])

    aws.run("s3", "cp", f"{tree}/{KEYS['plus']}", f"{tree}/copied +%", "--only-show-errors")
    aws.run("s3", "mv", f"{tree}/{KEYS['emoji']}", f"{tree}/moved é", "--only-show-errors")
    files["copied +%"] = files[KEYS["plus"]]
    files["moved é"] = files.pop(KEYS["emoji"])

    aws.run("s3", "sync", tree, target, "--only-show-errors")
    assert files_below(target) == files

    aws.run("s3", "rm", "--recursive", tree, "--only-show-errors")
    with pytest.raises(cli.CliError):  # `aws s3 ls` of nothing ends with 1
        aws.run("s3", "ls", "--recursive", f"{tree}/")


def test_copy_in_parts(aws: AwsCli, place: Place, tmp_path: Path) -> None:
    """A copy above the multipart threshold, part by part; aws-cli 2 first asks for the tags of the source."""
    body = body_of("copied in parts", BIG)
    (tmp_path / "big").write_bytes(body)
    there = f"s3://{place.bucket}/parts"
    aws.run("s3", "cp", tmp_path / "big", f"{there}/source +", "--only-show-errors")
    aws.run("s3", "mv", f"{there}/source +", f"{there}/target %", "--only-show-errors")
    assert read(place.backend, place.backend_bucket, f"{place.prefix}parts/target %") == body
    aws.run("s3", "rm", "--recursive", there, "--only-show-errors")


def test_single_files(aws: AwsCli, place: Place, tmp_path: Path) -> None:
    """cp up and down of one file, mv from and to the file system, and rm of one key."""
    body = body_of("single")
    (tmp_path / "up").write_bytes(body)
    (tmp_path / "to move").write_bytes(body)
    there = f"s3://{place.bucket}/single"

    aws.run("s3", "cp", tmp_path / "up", f"{there}/a b+c%.txt")
    aws.run("s3", "cp", f"{there}/a b+c%.txt", tmp_path / "down")
    assert (tmp_path / "down").read_bytes() == body

    aws.run("s3", "mv", tmp_path / "to move", f"{there}/moved")
    assert not (tmp_path / "to move").exists()
    assert read(place.backend, place.backend_bucket, f"{place.prefix}single/moved") == body
    aws.run("s3", "mv", f"{there}/moved", tmp_path / "moved back")
    assert (tmp_path / "moved back").read_bytes() == body

    aws.run("s3", "rm", f"{there}/a b+c%.txt")
    with pytest.raises(cli.CliError):
        aws.run("s3", "ls", "--recursive", f"{there}/")


def test_low_level_commands(aws: AwsCli, place: Place, tmp_path: Path) -> None:
    """s3api: names that no file can have, ranges, 1,001 keys over two pages, a batch delete."""
    body = body_of("low level")
    (tmp_path / "body").write_bytes(body)
    names = [f"api/{key_named(name)}" for name in ("signature", "percent-literal")]
    at = ["--bucket", place.bucket, "--key"]
    for name in names:
        aws.json("s3api", "put-object", *at, name, "--body", tmp_path / "body", "--metadata", "owner=e2e")
    head = aws.json("s3api", "head-object", *at, names[0])
    assert (head["ContentLength"], head["Metadata"]) == (len(body), {"owner": "e2e"})
    aws.json("s3api", "get-object", *at, names[1], "--range", "bytes=10-19", tmp_path / "range")
    assert (tmp_path / "range").read_bytes() == body[10:20]

    many = aws.json("s3api", "list-objects-v2", "--bucket", place.bucket, "--prefix", MANY_PREFIX)
    assert len(many["Contents"]) == MANY

    batch = json.dumps({"Objects": [{"Key": name} for name in names]})
    gone = aws.json("s3api", "delete-objects", "--bucket", place.bucket, "--delete", batch)
    assert sorted(entry["Key"] for entry in gone["Deleted"]) == sorted(names)
    assert "Contents" not in aws.json("s3api", "list-objects-v2", "--bucket", place.bucket, "--prefix", "api/")
