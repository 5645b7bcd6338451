"""The JSON report inside an HTML page: written so that no browser sees an end of it, and read back. Knows no JSON."""

from __future__ import annotations

import re

_OPENING = '<script type="application/json" id="report">'
_CLOSING = "</script>"
_EMBEDDED = re.compile(f"{re.escape(_OPENING)}(.*?){re.escape(_CLOSING)}", re.DOTALL)


def embedded(document: str) -> str:
    """The element. In JSON `<`, `>` and `&` occur in texts only, where they can be spelled as escapes (RFC 8259, 7)."""
    for char in "<>&":
        document = document.replace(char, f"\\u{ord(char):04x}")
    return f"{_OPENING}\n{document}\n{_CLOSING}"


def extracted(page: str) -> str | None:
    """The document of a page that `arpcheck -o html` wrote; None where there is none."""
    match = _EMBEDDED.search(page)
    return match[1] if match else None
