"""A file system in memory, packed as the one layer of an image.

Nothing in the packed bytes depends on when, where or by whom they are made.
"""

import io
import tarfile
from dataclasses import dataclass
from pathlib import PurePosixPath


@dataclass
class Entry:
    mode: int
    owner: int = 0
    # None: a directory.
    content: bytes | None = None


class Layer:
    def __init__(self, mtime):
        self.mtime = mtime
        self.entries = {}

    def directory(self, path, mode=0o755, owner=0):
        self._put(path, Entry(mode, owner))

    def file(self, path, content, mode=0o644):
        self._put(path, Entry(mode, content=content.encode() if isinstance(content, str) else content))

    def _put(self, path, entry):
        for parent in PurePosixPath(path).parents:
            if parent.name:
                self.entries.setdefault(str(parent), Entry(0o755))
        self.entries[path] = entry

    def tar(self):
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for path, entry in sorted(self.entries.items()):
                header = tarfile.TarInfo(path.lstrip("/"))
                header.mode, header.uid, header.gid, header.mtime = entry.mode, entry.owner, entry.owner, self.mtime
                if entry.content is None:
                    header.type = tarfile.DIRTYPE
                    tar.addfile(header)
                else:
                    header.size = len(entry.content)
                    tar.addfile(header, io.BytesIO(entry.content))
        return packed.getvalue()
