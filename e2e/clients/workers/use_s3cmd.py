"""s3cmd, a process for each command."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from serve import read_job, serve

job = read_job()
address = urlsplit(job.endpoint)
settings = Path(job.folder) / "s3cfg"
settings.write_text(
    "[default]\n"
    f"access_key = {job.access_key}\nsecret_key = {job.secret_key}\nbucket_location = {job.region}\n"
    # Without %(bucket)s the bucket is in the path.
    f"host_base = {address.netloc}\nhost_bucket = {address.netloc}\n"
    # What is refused once is refused: it would wait for a minute.
    f"max_retries = 1\nuse_https = {address.scheme == 'https'}\n" + (f"ca_certs_file = {job.ca}\n" if job.ca else "")
)


def s3cmd(*words: str) -> str:
    """Run one command and return what it prints."""
    command = [job.program, "--config", str(settings), "--no-progress", *words]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise subprocess.SubprocessError(f"s3cmd {words[0]}: exit {done.returncode}: {done.stderr.strip()[-600:]}")
    return done.stdout


def at(key: str) -> str:
    """Return the URL of a key."""
    return f"s3://{job.bucket}/{key}"


def part(asked: SimpleNamespace) -> None:
    """Go on with a download that has `first` bytes: a range with an open end."""
    target = Path(asked.file)
    target.write_bytes(bytes(asked.first))
    s3cmd("get", "--continue", at(asked.key), asked.file)
    target.write_bytes(target.read_bytes()[asked.first : asked.first + asked.count])


def keys_below(asked: SimpleNamespace) -> dict[str, Any]:
    """`s3cmd ls --recursive`; a line is date, time, size and URL."""
    lines = s3cmd("ls", "--recursive", at(asked.prefix)).splitlines()
    return {"keys": [line.split(maxsplit=3)[3].removeprefix(at("")) for line in lines]}


serve(
    s3cmd("--version").split()[-1],
    {
        "put": lambda asked: s3cmd("put", asked.file, at(asked.key)) and None,
        "multipart": lambda asked: s3cmd("put", "--multipart-chunk-size-mb=5", asked.file, at(asked.key)) and None,
        "get": lambda asked: s3cmd("get", "--force", at(asked.key), asked.file) and None,
        "range": part,
        "list": keys_below,
        "copy": lambda asked: s3cmd("cp", at(asked.source), at(asked.key)) and None,
        "delete": lambda asked: s3cmd("del", at(asked.key)) and None,
        "delete_many": lambda asked: s3cmd("del", "--recursive", "--force", at(asked.prefix)) and None,
    },
)
