"""A client's process, and the lines that go to it and come back (see workers/serve.py)."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from pathlib import Path
from typing import Any

from clients.catalogue import Client
from clients.endpoint import Endpoint

ANSWER_DEADLINE_S = 60.0


class Failed(Exception):
    """The client said that an operation failed, or said nothing in time."""


class Worker:
    """One client for one bucket of one endpoint, while the `with` block lasts."""

    def __init__(self, client: Client, endpoint: Endpoint, bucket: str, folder: Path) -> None:
        """Start it with nothing in its environment but a path, a home of its own and what the catalogue says."""
        home = folder / "home"
        home.mkdir(parents=True)
        ca = str(endpoint.ca) if endpoint.ca and endpoint.url.startswith("https:") else ""
        job = {
            "endpoint": endpoint.url,
            "access_key": endpoint.keys.access_key,
            "secret_key": endpoint.keys.secret_key,
            "region": endpoint.region,
            "ca": ca,
            "bucket": bucket,
            "folder": str(home),
            "program": client.program_path(),
        }
        path = folder / "job.json"
        path.write_text(json.dumps(job))
        own = {name: value.format(ca=ca) for name, value in client.environment.items() if ca or "{ca}" not in value}
        self.log = folder / "client.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *client.command_line(), str(path)],
                env={"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C.UTF-8", **own},
                cwd=home,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def __enter__(self) -> Worker:
        """Wait for the client to say which version it is."""
        try:
            self.version: str = self._answer()["version"]
        except Failed:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """End it: by the end of its input, or else by its process id."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def ask(self, deed: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
        """Have one thing done; raise `Failed` with the client's words."""
        assert self.process.stdin
        try:
            self.process.stdin.write(json.dumps({"do": deed, **arguments}) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failed(f"{deed}: the client has ended: {self._said()}") from None
        answer = self._answer()
        if "error" in answer:
            raise Failed(answer["error"])
        return answer

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout
        late = threading.Timer(ANSWER_DEADLINE_S, self.process.kill)
        late.start()
        try:
            line = self.process.stdout.readline()
        finally:
            late.cancel()
        if not line:
            raise Failed(f"no answer within {ANSWER_DEADLINE_S:.0f} s, or the client has ended: {self._said()}")
        return json.loads(line)

    def _said(self) -> str:
        return self.log.read_bytes()[-1500:].decode(errors="replace")
