"""README.md of a design's folder: what each file is for, and what to do with it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sc_neurocore.hdl.manifest import PURPOSES, FileEntry, Manifest
from sc_neurocore.hdl.render import render

GUIDE = "README.md"
_HEAD = re.compile(r"// (?!SPDX|Generated)(?:\w+: )?(?P<said>.*?)[.:]?(?: Generated .*)?")


def purpose(entry: FileEntry, content: bytes) -> str:
    """Return what a file is for: a module's head says it, of others it is their role."""
    if entry.path.endswith(".v"):
        for line in content.decode().splitlines():
            found = _HEAD.fullmatch(line)
            if found:
                return found["said"].partition(". ")[0].rstrip(",")
    return PURPOSES[entry.role]


def guide(manifest: Manifest, contents: Mapping[str, bytes]) -> bytes:
    """Return the README.md of a folder with these files."""
    files = [(each.path, purpose(each, contents[each.path])) for each in manifest.files]
    values = {"m": manifest, "purposes": PURPOSES, "files": files}
    return render("sc_neurocore.hdl", "templates", "README.md.j2", values).encode()
