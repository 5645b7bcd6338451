"""The plug-in for krew: an archive for each architecture, and the manifest with their checksums."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Mapping
from pathlib import Path

from provenance import digest

TEMPLATE = Path(__file__).parent / "krew.yaml"
PROGRAM = "kubectl-arpcheck"


def archive(target: Path, program: Path, licence: Path, epoch: int) -> None:
    """A tar with the program and the licence, every byte of which follows from them."""
    with (
        target.open("wb") as file,
        gzip.GzipFile("", "wb", 9, file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as made,
    ):
        for name, source, mode in (("LICENSE", licence, 0o644), (PROGRAM, program, 0o755)):
            content = source.read_bytes()
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(content), mode, epoch
            made.addfile(member, io.BytesIO(content))


def manifest(archives: Mapping[str, Path], version: str, homepage: str, downloads: str) -> str:
    """`archives` by architecture, as Go names it. `downloads` is the address of the folder that they will be in."""
    platforms = "".join(
        f"""\
    - selector:
        matchLabels:
          os: linux
          arch: {architecture}
      uri: {downloads}/{path.name}
      sha256: {digest(path)}
      bin: {PROGRAM}
"""
        for architecture, path in sorted(archives.items())
    )
    words = {"{version}": version, "{homepage}": homepage, "{platforms}\n": platforms}
    text = TEMPLATE.read_text(encoding="utf-8").partition("\n")[2]
    for word, value in words.items():
        text = text.replace(word, value)
    return text
