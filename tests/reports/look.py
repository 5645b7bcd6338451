"""Draws the HTML pages in a real browser, for eyes to judge: small, large and huge, narrow and wide, light, dark and printed.

    look.py FOLDER
    look.py --readme

writes the pages, a PNG of each and its print as PDF into FOLDER, or the one picture that the README shows. Ends with 1 where
a page is wider than its window, where a print has more pages than it may, where a text is cut, or where anything but the page
itself is loaded. Speaks the DevTools protocol over the browser's pipe: no port, no library."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from page_samples import FORTY, other_pages
from pages import SCENE, simulated
from report_crowds import crowd
from report_samples import SAMPLES
from test_report_hostile import filled

from arpcheck.reports import render

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--remote-debugging-pipe",
)  # fmt: skip
WIDTHS = (390, 1280)
SCHEMES = ("light", "dark")
PAPER_WIDTH = 703
"""Pixels between the margins of A4."""
TALLEST = 6_000
"""Pixels of a page that are drawn; what is wrong further down is wrong above as well."""
PICTURE = Path(__file__).parents[2] / ".github" / "report.png"
PICTURE_WIDTH = 860
UP_TO = "Nodes"
"""The heading before which that picture ends."""
REPORTS = {
    "3": crowd(3, 4, 1),
    "40": crowd(40, 12, 3),
    "500": crowd(500, 50, 4),
    "500-crowded": crowd(500, 50, 40),
    **SAMPLES,
    "long-names": crowd(40, 6, 2, prefix="gke-production-europe-west1-default-pool-0a1b2c3d-worker"),
    "hostile": filled(SAMPLES["non-strict"], "x" * 10_000),
}
MOST_PAGES = {"3": 3, "40": 6, FORTY: 6, "500": 30, "500-crowded": 30}
"""Of paper (A4), for these pages."""
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
CUT = """[...document.querySelectorAll('h1, h2, h3, p, li, dt, dd, td, th, summary, .name, .about, .badge')].filter(one =>
    one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflowX !== 'visible').length"""
"""Texts that end at an edge or in an ellipsis."""


class Browser:
    """One tab. Requests and answers are JSON texts that end with a zero byte."""

    def __init__(self, send: Any, receive: Any) -> None:
        self._send, self._receive, self._numbers, self._session = send, receive, count(1), ""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.loaded: list[str] = []

    def call(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        self._send.write(json.dumps(message | ({"sessionId": self._session} if self._session else {})).encode() + b"\0")
        self._send.flush()
        return self._until(lambda answer: answer.get("id") == number)["result"]

    def until(self, event: str) -> None:
        self._until(lambda answer: answer.get("method") == event)

    def _until(self, wanted: Any) -> Any:
        while True:
            answer = json.loads(self._read())
            if answer.get("method") == "Network.requestWillBeSent":
                self.loaded.append(answer["params"]["request"]["url"])
            if "error" in answer:
                raise SystemExit(f"the browser refused: {answer['error']}")
            if wanted(answer):
                return answer

    def _read(self) -> bytes:
        text = bytearray()
        while (byte := self._receive.read(1)) != b"\0":
            if not byte:
                raise SystemExit("the browser ended")
            text += byte
        return bytes(text)


@contextmanager
def browser() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        raise SystemExit(f"none of {', '.join(BROWSERS)} is here")
    to_it, send = os.pipe()
    receive, from_it = os.pipe()
    with tempfile.TemporaryDirectory(prefix="look-") as profile:
        command = " ".join((f"exec 3<&{to_it} 4>&{from_it}; exec", program, *FLAGS, f"--user-data-dir={profile}"))
        process = subprocess.Popen(("bash", "-c", command), pass_fds=(to_it, from_it), stderr=subprocess.DEVNULL)
        os.close(to_it)
        os.close(from_it)
        try:
            with os.fdopen(send, "wb") as writer, os.fdopen(receive, "rb") as reader:
                yield Browser(writer, reader)
        finally:
            process.terminate()
            process.wait(timeout=20)


def look(tab: Browser, page: Path, width: int, scheme: str) -> list[str]:
    """Draws one page; what is wrong with it."""
    _open(tab, page, width, scheme)
    height = _value(tab, "document.documentElement.scrollHeight")
    page.with_name(f"{page.stem}-{width}-{scheme}.png").write_bytes(_drawn(tab, width, min(height, TALLEST)))
    wrong = [] if _value(tab, FITS) else [f"wider than {width} px"]
    wrong += [f"{cut} texts are cut"] if (cut := _value(tab, CUT)) else []
    return wrong + [f"loads {url[:100]}" for url in tab.loaded if url != page.as_uri()]


def printed(tab: Browser, page: Path) -> tuple[int, list[str]]:
    """Prints one page on A4: the number of its pages, and what is wrong with it."""
    _open(tab, page, PAPER_WIDTH, "light", "print")
    wrong = [f"{cut} texts are cut"] if (cut := _value(tab, CUT)) else []
    wrong += [] if _value(tab, FITS) else ["wider than the paper"]
    pdf = base64.b64decode(tab.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, printBackground=True)["data"])
    page.with_suffix(".pdf").write_bytes(pdf)
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
    most = MOST_PAGES.get(page.stem, pages)
    return pages, wrong + ([f"{pages} pages, and {most} are allowed"] if pages > most else [])


def picture(tab: Browser, folder: Path) -> bytes:
    """The report that `scripts/demo` begins with, from its top to its nodes."""
    page = folder / "report.html"
    page.write_text(simulated(SCENE, "html"), encoding="utf-8")
    _open(tab, page, PICTURE_WIDTH, "light")
    heading = f"[...document.querySelectorAll('h2')].find(one => one.textContent.trim() === {json.dumps(UP_TO)})"
    return smaller(_drawn(tab, PICTURE_WIDTH, int(_value(tab, f"{heading}.getBoundingClientRect().top")) - 20))


def smaller(png: bytes) -> bytes:
    """The same picture with its 256 commonest colours alone, which takes a third of the bytes. `png`: 8-bit RGB, as the
    browser draws it."""
    parts, place = {}, 8
    while place < len(png):
        (size,), name = struct.unpack_from(">I", png, place), png[place + 4 : place + 8]
        parts[name] = parts.get(name, b"") + png[place + 8 : place + 8 + size]
        place += size + 12
    width, height, depth, kind = struct.unpack_from(">IIBB", parts[b"IHDR"])
    if (depth, kind) != (8, 2):
        raise SystemExit(f"a picture of {depth} bits and kind {kind}, not 8-bit RGB")
    rows = [[row[i : i + 3] for i in range(0, len(row), 3)] for row in _rows(zlib.decompress(parts[b"IDAT"]), width, height)]
    counted = Counter(pixel for row in rows for pixel in row)
    colours = [colour for colour, _ in counted.most_common(256)]
    nearest = {pixel: min(range(len(colours)), key=lambda n: _distance(colours[n], pixel)) for pixel in counted}
    lines = b"".join(b"\0" + bytes(nearest[pixel] for pixel in row) for row in rows)
    found = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)), (b"PLTE", b"".join(colours)))
    chunks = (*found, (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return png[:8] + b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)


def _rows(data: bytes, width: int, height: int) -> Iterator[bytes]:
    """The pixels of each row, without the filter of its line (PNG specification, section 9.2)."""
    size, above = width * 3, bytes(width * 3)
    for number in range(height):
        start = number * (size + 1)
        kind, row = data[start], bytearray(data[start + 1 : start + 1 + size])
        for i in range(size if kind else 0):
            left, up, corner = (row[i - 3], above[i], above[i - 3]) if i >= 3 else (0, above[i], 0)
            row[i] = (row[i] + (0, left, up, (left + up) // 2, _paeth(left, up, corner))[kind]) & 255
        above = bytes(row)
        yield above


def _distance(one: bytes, other: bytes) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((left, up, corner), key=lambda value: abs(guess - value))


def _open(tab: Browser, page: Path, width: int, scheme: str, media: str = "screen") -> None:
    tab.loaded.clear()
    tab.call("Network.enable")
    tab.call("Page.enable")
    tab.call("Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}])
    tab.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    tab.call("Page.navigate", url=page.as_uri())
    tab.until("Page.loadEventFired")


def _drawn(tab: Browser, width: int, height: int) -> bytes:
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    return base64.b64decode(tab.call("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"])


def _value(tab: Browser, expression: str) -> Any:
    return tab.call("Runtime.evaluate", expression=expression, returnByValue=True)["result"]["value"]


def keep_picture() -> int:
    with tempfile.TemporaryDirectory(prefix="look-") as folder, browser() as tab:
        PICTURE.write_bytes(picture(tab, Path(folder)))
    sys.stdout.write(f"{PICTURE}: {PICTURE.stat().st_size} bytes\n")
    return 0


def pages() -> Iterator[tuple[str, str]]:
    """(name, HTML)."""
    for name, report in REPORTS.items():
        yield name, render(report, "html")
    yield FORTY, simulated(FORTY, "html")
    yield from other_pages().items()


def main(folder: Path) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    faults = drawn = 0
    with browser() as tab:
        for name, text in pages():
            page = folder.resolve() / f"{name}.html"
            page.write_text(text, encoding="utf-8")
            wrong = [
                (f"at {w} px, {scheme}", fault) for w in WIDTHS for scheme in SCHEMES for fault in look(tab, page, w, scheme)
            ]
            number, unprintable = printed(tab, page)
            wrong += [("in print", fault) for fault in unprintable]
            for where, fault in wrong:
                sys.stderr.write(f"{page.name} {where}: {fault}\n")
            sys.stdout.write(f"{name}: {number} pages in print\n")
            faults, drawn = faults + len(wrong), drawn + len(WIDTHS) * len(SCHEMES)
    sys.stdout.write(f"{drawn} pictures in {folder}, {faults} faults\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(keep_picture() if sys.argv[1] == "--readme" else main(Path(sys.argv[1])))
