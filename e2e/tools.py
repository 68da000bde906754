"""Where the tools are that run.sh builds once and keeps outside of the clone."""

from __future__ import annotations

import os
from pathlib import Path


def cached_tool(name: str, path: str) -> Path:
    """Return a built tool; a missing one fails the run, it is never skipped."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "osp-e2e"
    tool = cache / path
    if not os.access(tool, os.X_OK):
        raise FileNotFoundError(f"{name} is not built: {tool} (run e2e/run.sh all)")
    return tool
