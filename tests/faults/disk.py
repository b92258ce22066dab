"""A disk that can be filled: a small tmpfs in a mount namespace of its own, which takes no privilege to make."""

import contextlib
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.servers import MissingProgram, require_program

CHUNK_BYTES = 1 << 16


class SmallDisk:
    """`folder` with so many bytes of space. Only what `wrapper` runs sees it there; we see it at `seen_here`."""

    def __init__(self, folder: Path, size_bytes: int) -> None:
        self.folder = folder
        self._size_bytes = size_bytes
        self._holder: subprocess.Popen[bytes] | None = None
        self.wrapper: Sequence[str] = ()

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True)
        faults = []
        for namespaces in (["--user", "--mount"], ["--mount"]):  # the latter for root where the former is forbidden
            unshare = [require_program("unshare", "util-linux"), *namespaces]
            unshare += ["--map-root-user"] if "--user" in namespaces else []
            mount = 'mount -t tmpfs -o "size=$1" tmpfs "$2" && echo mounted && exec sleep infinity'
            command = [*unshare, "sh", "-c", mount, "sh", str(self._size_bytes), str(self.folder)]
            holder = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            assert holder.stdout is not None
            with holder.stdout:
                said = holder.stdout.readline()
            if said == b"mounted\n":
                self._holder = holder
                enter = [require_program("nsenter", "util-linux"), f"--target={holder.pid}", *namespaces]
                self.wrapper = [*enter, *(["--preserve-credentials"] if "--user" in namespaces else [])]
                return self
            holder.kill()
            holder.wait()
            faults.append(said.decode(errors="replace").strip())
        raise MissingProgram(
            f"a full disk cannot be made here: {'; '.join(faults)}. It takes user namespaces "
            "(sysctl kernel.unprivileged_userns_clone=1), or root"
        )

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._holder is not None
        self._holder.kill()
        self._holder.wait()

    @property
    def seen_here(self) -> Path:
        """The folder as this process reaches it."""
        assert self._holder is not None
        return Path(f"/proc/{self._holder.pid}/root{self.folder}")

    def fill(self) -> None:
        """Takes all the space that is left."""
        with self._filler.open("wb", buffering=0) as filler:
            for size in (CHUNK_BYTES, 1):
                with contextlib.suppress(OSError):
                    while filler.write(bytes(size)) == size:
                        pass
        left = os.statvfs(self.seen_here)
        assert left.f_bavail == 0

    def free(self) -> None:
        """Gives the space back."""
        self._filler.unlink()

    @property
    def _filler(self) -> Path:
        return self.seen_here / "filler"
