"""Strings made harmless, one trick a case."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from arpcheck.reports.formatting import code, html, inline
from arpcheck.text import plain

MARKDOWN = MarkdownIt("gfm-like", {"html": True, "linkify": False})

PLAIN = [
    pytest.param("worker-1", "worker-1", id="a name"),
    pytest.param("", "", id="nothing"),
    pytest.param("naïve 中文 – …", "naïve 中文 – …", id="letters of any left-to-right script"),
    pytest.param("\x1b[31mred", "\\x1b[31mred", id="a terminal escape"),
    pytest.param("\x9b31m", "\\x9b31m", id="its 8-bit form"),
    pytest.param("a\r\nb\tc", "a\\x0d\\x0ab\\x09c", id="line breaks"),
    pytest.param("a\u2028b\u2029c\x85d", "a\\u{2028}b\\u{2029}c\\x85d", id="other line breaks"),
    pytest.param("\u202egnp.exe", "\\u{202e}gnp.exe", id="right-to-left override"),
    pytest.param("\u2066x\u2069\u200f", "\\u{2066}x\\u{2069}\\u{200f}", id="isolates and marks"),
    pytest.param("א1", "\\u{5d0}1", id="a right-to-left letter turns a number around"),
    pytest.param("a\u200bb\ufeffc\xadd", "a\\u{200b}b\\u{feff}c\\xadd", id="zero width"),
    pytest.param("e\u0301\u20dd", "e\\u{301}\\u{20dd}", id="combining"),
    pytest.param("\u3164\u2800\xa0", "\\u{3164}\\u{2800}\\xa0", id="blanks in disguise"),
    pytest.param("\U000e0041\ue000\ud800", "\\u{e0041}\\u{e000}\\u{d800}", id="tags, private use, a lone surrogate"),
    pytest.param("x" * 300, "x" * 300, id="just as long as allowed"),
    pytest.param("x" * 10_000, "x" * 280 + "…(+9720 characters)", id="too long"),
    pytest.param("\x1b" * 200, "\\x1b" * 70 + "…(+130 characters)", id="too long when spelled out"),
]


@pytest.mark.parametrize(("text", "shown"), PLAIN)
def test_plain(text: str, shown: str) -> None:
    assert plain(text) == shown


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_categories=())), st.integers(min_value=40, max_value=400))
def test_plain_is_one_bounded_printable_line_and_does_not_change_again(text: str, limit: int) -> None:
    shown = plain(text * 3, limit)
    assert len(shown) <= limit
    assert shown.isprintable()
    assert plain(shown, limit) == shown


INLINE = [
    pytest.param("worker-1's 10.0.0.50 (web/nginx), 3 of 3.", "worker-1's 10.0.0.50 (web/nginx), 3 of 3.", id="prose"),
    pytest.param(
        "the nodes' own (of hosts'), the hosts'.", "the nodes' own (of hosts'), the hosts'.", id="an apostrophe at the end"
    ),
    pytest.param("Set `strictARP: true` now", "Set `strictARP: true` now", id="code stays code"),
    pytest.param("by admin@prod.", "by `admin@prod`.", id="mention"),
    pytest.param("see #12, a/b#3 and GH-4", "see `#12, a/b#3` and `GH-4`", id="references"),
    pytest.param("!1 &2 %3 ~4 $5", "`!1 &2 %3 ~4 $5`", id="references of GitLab"),
    pytest.param("at https://evil.example/x?y", "at `https://evil.example/x?y`", id="a URL"),
    pytest.param("at www.evil.example", "at `www.evil.example`", id="a URL without scheme"),
    pytest.param("<img src=x onerror=y>", "`<img src=x onerror=y>`", id="HTML"),
    pytest.param("[a](b) ![c](d)", "`[a](b) ![c](d)`", id="links"),
    pytest.param("a|b", "<code>a&#124;b</code>", id="a pipe, which ends a cell even in a code span"),
    pytest.param("a`b", "<code>a&#96;b</code>", id="a single backtick"),
    pytest.param("a``b``", "<code>a&#96;</code>`b`<code>&#96;</code>", id="backticks in pairs"),
    pytest.param("`a|b`", "<code>a&#124;b</code>", id="a pipe in code"),
    pytest.param("**x** _y_ a*b", "`**x** _y_ a*b`", id="emphasis"),
    pytest.param("1. x", "`1`. x", id="a list"),
    pytest.param("- x", "`-` x", id="another list"),
    pytest.param("    x", "x", id="indented code"),
    pytest.param("02:00:00:00:00:01", "`02:00:00:00:00:01`", id="a MAC is no emoji"),
    pytest.param("eth0 (02:00:00:00:00:01, up)", "eth0 (`02:00:00:00:00:01`, up)", id="a bracket that is closed later"),
    pytest.param("up, 02:00:00:00:00:01)", "up, `02:00:00:00:00:01`)", id="a bracket that was opened before"),
    pytest.param("run with (--ip) or (`--x`)", "run with `(--ip)` or (`--x`)", id="brackets in pairs"),
    pytest.param("x=`y`", "`x=`<code>y</code>", id="two spans that touch"),
    pytest.param("x\n\n# y", "`x\\x0a\\x0a#` y", id="a heading after a line break"),
    pytest.param("&lt;b&gt; &#64;x", "`&lt;b&gt; &#64;x`", id="entities"),
    pytest.param("back\\", "<code>back&#92;</code>", id="a backslash at the end"),
]


@pytest.mark.parametrize(("text", "shown"), INLINE)
def test_inline(text: str, shown: str) -> None:
    assert inline(text) == shown


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([*"a1 `|\\<>[]()!@#*_~:/.&-$\n\u202e", "www.", "https://", "<!--", "```"])).map("".join))
def test_markdown_makes_nothing_of_it_and_keeps_it_in_its_cell(text: str) -> None:
    for written in (inline(text), code(text)):
        table = MARKDOWN.parse(f"| a | b |\n| --- | --- |\n| {written} | end |\n")
        cells = [t.children or [] for t in table if t.type == "inline"][2:]
        assert len(cells) == 2
        assert [t.content for t in cells[1]] == ["end"]
        meant = plain(text) if written == code(text) else re.sub("`([^`]+)`", r"\1", plain(text).strip())
        shown = "".join(t.content for t in cells[0] if t.type != "html_inline")
        assert shown.split() == meant.split()
        assert {t.type for t in cells[0]} <= {"text", "code_inline", "html_inline", "text_special"}
        assert all(t.content in ("<code>", "</code>") for t in cells[0] if t.type == "html_inline")
        if all(t.type in ("text", "code_inline") for t in cells[0]):
            loose = "".join(t.content for t in cells[0] if t.type == "text")
            assert not re.search(r"[@#<>|\[\]]|://|\bwww\.", loose)


def test_html_is_text() -> None:
    assert html("<b a=\"x\" c='y'>&\x00\u202e") == "&lt;b a=&quot;x&quot; c=&#x27;y&#x27;&gt;&amp;\\x00\\u{202e}"
