"""What a file is that was given in the place of another: by its first bytes, or by what its JSON says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

CAPTURE, GZIP, UTF16, PAGE = "a capture of frames", "a gzip archive", "UTF-16 text", "an HTML page"

TEXTS = (UTF16, "XML", PAGE)

_MAGIC = (
    (rb"\xd4\xc3\xb2\xa1|\xa1\xb2\xc3\xd4|\x4d\x3c\xb2\xa1|\xa1\xb2\x3c\x4d|\x0a\x0d\x0d\x0a", CAPTURE),
    (rb"\x1f\x8b", GZIP),
    (rb"\x28\xb5\x2f\xfd", "a zstd archive"),
    (rb"PK\x03\x04", "a zip archive"),
    (rb"\x7fELF", "a program"),
    (rb"\xff\xfe|\xfe\xff", UTF16),
    (rb"%PDF-", "a PDF"),
    (rb"\s*<\?xml", "XML"),
    (rb"\s*<(!doctype html|html)", PAGE),
)
"""By the first bytes: pcap-savefile(5) in both byte orders and resolutions, pcapng (section header), RFC 1952, RFC 8878."""


def kind_of(head: bytes) -> str | None:
    """What the first bytes of a file say that it is; None if they say nothing."""
    return next((what for magic, what in _MAGIC if re.match(magic, head, re.IGNORECASE)), None)


def kind_of_document(document: Any) -> tuple[str, str] | None:
    """What a JSON document is if it is not a saved run, and what to do with it."""
    if not isinstance(document, Mapping):
        return None
    kind, version = document.get("kind"), document.get("apiVersion")
    if kind == "List" and "arpcheck" in document:
        return "a snapshot of a cluster", "Give it with --cluster-file, to probe or to report --capture"
    if kind == "Config" and ("clusters" in document or "contexts" in document):
        return "a kubeconfig", "Give it with --kubeconfig"
    if kind == "DryRun":
        return "the output of --dry-run", "Run the probe without --dry-run, with -o json"
    if isinstance(kind, str) and kind and isinstance(version, str) and not version.startswith("arpcheck/"):
        what = "a list of objects of a cluster" if kind.endswith("List") else f"an object of kind {kind[:60]}"
        return what, "Give the output of `kubectl get … -o json` with --cluster-file"
    return None
