"""rclone, a process for each command."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from serve import read_job, serve

job = read_job()
settings = Path(job.folder) / "rclone.conf"
settings.write_text(
    "[s3]\ntype = s3\nprovider = Other\nno_check_bucket = true\n"
    f"access_key_id = {job.access_key}\nsecret_access_key = {job.secret_key}\n"
    f"endpoint = {job.endpoint}\nregion = {job.region}\n"
)
ALWAYS = ["--config", str(settings), "--retries", "1", *(["--ca-cert", job.ca] if job.ca else [])]


def rclone(*words: str) -> bytes:
    """Run one command and return what it prints."""
    command = [job.program, *words, *ALWAYS]
    done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise subprocess.SubprocessError(f"rclone {words[0]}: exit {done.returncode}: {said[-600:]}")
    return done.stdout


def at(key: str) -> str:
    """Return the name of a key."""
    return f"s3:{job.bucket}/{key}"


def part(asked: SimpleNamespace) -> None:
    """`rclone cat` of a piece."""
    piece = ["--offset", str(asked.first), "--count", str(asked.count)]
    Path(asked.file).write_bytes(rclone("cat", *piece, at(asked.key)))


def keys_below(asked: SimpleNamespace) -> dict[str, Any]:
    """`rclone lsf` of a folder."""
    names = rclone("lsf", "--recursive", "--files-only", at(asked.prefix)).decode().splitlines()
    return {"keys": [asked.prefix + name for name in names]}


IN_PARTS = ["--s3-upload-cutoff", "5Mi", "--s3-chunk-size", "5Mi"]
serve(
    rclone("version").split()[1].decode().removeprefix("v"),
    {
        "put": lambda asked: rclone("copyto", asked.file, at(asked.key)) and None,
        "multipart": lambda asked: rclone("copyto", *IN_PARTS, asked.file, at(asked.key)) and None,
        "get": lambda asked: rclone("copyto", "--ignore-times", at(asked.key), asked.file) and None,
        "range": part,
        "list": keys_below,
        "copy": lambda asked: rclone("copyto", at(asked.source), at(asked.key)) and None,
        "delete": lambda asked: rclone("deletefile", at(asked.key)) and None,
        "delete_many": lambda asked: rclone("delete", at(asked.prefix)) and None,
    },
)
