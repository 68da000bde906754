"""A directory as the kubelet mounts a ConfigMap: files are links into `..data`, which is swapped in one step."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Mapping
from pathlib import Path


class MountedConfigMap:
    """A volume; `swap` is what follows from an edit of its ConfigMap."""

    def __init__(self, folder: Path, files: Mapping[str, str]) -> None:
        """Mount these files, by name."""
        self.folder = folder
        folder.mkdir()
        self._numbers = itertools.count()
        self.swap(files)

    def swap(self, files: Mapping[str, str]) -> None:
        """Replace everything, as the kubelet's atomic writer does (kubernetes pkg/volume/util/atomic_writer.go)."""
        data = self.folder / "..data"
        old = data.resolve() if data.is_symlink() else None
        new = self.folder / f"..2026_11_23_{next(self._numbers)}"
        new.mkdir()
        for name, text in files.items():
            (new / name).write_text(text)
        # a link to the new folder, renamed over the old link
        temporary = self.folder / "..data_tmp"
        temporary.symlink_to(new.name)
        temporary.rename(data)
        for name in files:
            if not (self.folder / name).is_symlink():
                (self.folder / name).symlink_to(Path("..data") / name)
        for link in self.folder.iterdir():
            if link.is_symlink() and not link.name.startswith("..") and link.name not in files:
                link.unlink()
        if old:
            shutil.rmtree(old)
