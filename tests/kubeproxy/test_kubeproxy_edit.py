"""`ipvs.strictARP: true`, and every other byte as it was."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from kubeproxy_objects import CONFIG_HEAD as HEAD
from kubeproxy_objects import documents

from arpcheck.kubeproxy.config import read
from arpcheck.kubeproxy.edit import Edit, Refusal, enable_strict_arp

JSON_HEAD = '"kind":"KubeProxyConfiguration","apiVersion":"kubeproxy.config.k8s.io/v1alpha1"'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("mode: ipvs\nipvs:\n  strictARP: false\n", "mode: ipvs\nipvs:\n  strictARP: true\n", id="the usual"),
        pytest.param(
            "ipvs:\n  strictARP:   False   # why\n", "ipvs:\n  strictARP:   true   # why\n", id="capital, blanks, comment"
        ),
        pytest.param("ipvs:\n  strictARP: no", "ipvs:\n  strictARP: true", id="no, without a line end"),
        pytest.param('ipvs:\n  strictARP: "true"\n', "ipvs:\n  strictARP: true\n", id="a text that looks right"),
        pytest.param("ipvs:\n  strictARP: 'false'\n", "ipvs:\n  strictARP: true\n", id="a text"),
        pytest.param("ipvs:\n  strictARP: 0\n", "ipvs:\n  strictARP: true\n", id="a number"),
        pytest.param("ipvs:\n  strictARP: !!bool no\n", "ipvs:\n  strictARP: true\n", id="a tag"),
        pytest.param("ipvs:\n  strictARP:\n  x: 1\n", "ipvs:\n  strictARP: true\n  x: 1\n", id="no value"),
        pytest.param("ipvs:\n  strictARP: # none\n", "ipvs:\n  strictARP: true # none\n", id="no value but a comment"),
        pytest.param("ipvs:\n  strictARP: ~\n", "ipvs:\n  strictARP: true\n", id="null"),
        pytest.param(
            "ipvs:\n    # a comment\n    scheduler: rr\nmode: ipvs\n",
            "ipvs:\n    strictARP: true\n    # a comment\n    scheduler: rr\nmode: ipvs\n",
            id="no line, four columns, a comment above",
        ),
        pytest.param(
            "ipvs:\n  # strictARP: false\n  scheduler: rr",
            "ipvs:\n  strictARP: true\n  # strictARP: false\n  scheduler: rr",
            id="commented out",
        ),
        pytest.param(
            "ipvs:   # ours\n\n  scheduler: rr\n",
            "ipvs:   # ours\n  strictARP: true\n\n  scheduler: rr\n",
            id="a blank line",
        ),
        pytest.param(
            "ipvs:\n  strictArp: true\n", "ipvs:\n  strictARP: true\n  strictArp: true\n", id="misspelt: kept beside it"
        ),
        pytest.param("ipvs: {}\nmode: ipvs\n", "ipvs: {strictARP: true}\nmode: ipvs\n", id="empty braces"),
        pytest.param("ipvs: { }\n", "ipvs: {strictARP: true }\n", id="a blank in braces"),
        pytest.param("ipvs: null # nothing\n", "ipvs: {strictARP: true} # nothing\n", id="null section"),
        pytest.param("ipvs:\nmode: ipvs\n", "ipvs:\n  strictARP: true\nmode: ipvs\n", id="section without a value"),
        pytest.param("ipvs: # later\n", "ipvs: # later\n  strictARP: true\n", id="section with a comment only"),
        pytest.param("mode: ipvs\nipvs:", "mode: ipvs\nipvs:\n  strictARP: true", id="section at the very end"),
        pytest.param("ipvs: {scheduler: rr}\n", "ipvs: {strictARP: true, scheduler: rr}\n", id="braces"),
        pytest.param("ipvs: { scheduler: rr }\n", "ipvs: { strictARP: true, scheduler: rr }\n", id="braces with blanks"),
        pytest.param('ipvs: {"a":1,"strictARP":false}\n', 'ipvs: {"a":1,"strictARP":true}\n', id="JSON inside, there"),
        pytest.param('ipvs: {"a":1}\n', 'ipvs: {"strictARP": true, "a":1}\n', id="JSON inside, not there"),
        pytest.param("ipvs: {\n  a: 1\n}\n", "ipvs: {\n  strictARP: true,\n  a: 1\n}\n", id="braces over lines"),
        pytest.param("mode: ipvs\n", "mode: ipvs\nipvs:\n  strictARP: true\n", id="no section"),
        pytest.param("mode: ipvs", "mode: ipvs\nipvs:\n  strictARP: true", id="no section, no line end"),
        pytest.param(
            "mode: ipvs\n\n# end\n", "mode: ipvs\n\n# end\nipvs:\n  strictARP: true\n", id="no section, a last comment"
        ),
        pytest.param("mode: ipvs\n  ", "mode: ipvs\n  \nipvs:\n  strictARP: true", id="no section, trailing blanks"),
        pytest.param(
            "x: |\n  a\n\n  b\n", "x: |\n  a\n\n  b\nipvs:\n  strictARP: true\n", id="no section, a block text at the end"
        ),
        pytest.param(
            "mode: ipvs\n---\nipvs:\n  strictARP: false\n",
            "mode: ipvs\nipvs:\n  strictARP: true\n---\nipvs:\n  strictARP: false\n",
            id="two documents: the first",
        ),
        pytest.param("mode: ipvs\n...\n", "mode: ipvs\nipvs:\n  strictARP: true\n...\n", id="an end marker"),
    ],
)
@pytest.mark.parametrize("eol", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_one_splice(before, after, eol):
    before, after = ((HEAD + text).replace("\n", eol) for text in (before, after))
    found = enable_strict_arp(before)
    assert (found.text, found.changed, found.refusal) == (after, True, None), found.reason
    again = enable_strict_arp(after)
    assert (again.text, again.changed, again.reason) == (after, False, "strictARP is true already")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(f"{{{JSON_HEAD}}}", f'{{"ipvs": {{"strictARP": true}}, {JSON_HEAD}}}', id="no section"),
        pytest.param(f'{{{JSON_HEAD},"ipvs":null}}', f'{{{JSON_HEAD},"ipvs":{{"strictARP": true}}}}', id="null"),
        pytest.param(f'{{{JSON_HEAD},"ipvs":{{}}}}', f'{{{JSON_HEAD},"ipvs":{{"strictARP": true}}}}', id="empty"),
        pytest.param(
            f'{{{JSON_HEAD},"ipvs":{{"strictARP":false}}}}', f'{{{JSON_HEAD},"ipvs":{{"strictARP":true}}}}', id="there"
        ),
        pytest.param(
            f'{{\n\t{JSON_HEAD},\n\t"ipvs": {{\n\t\t"scheduler": "a\\tb"\n\t}}\n}}\n',
            f'{{\n\t{JSON_HEAD},\n\t"ipvs": {{\n\t\t"strictARP": true,\n\t\t"scheduler": "a\\tb"\n\t}}\n}}\n',
            id="tabs",
        ),
        pytest.param(
            f"{{\n  {JSON_HEAD}\n}}\n", f'{{\n  "ipvs": {{"strictARP": true}},\n  {JSON_HEAD}\n}}\n', id="over lines"
        ),
    ],
)
def test_json_stays_json(before, after):
    found = enable_strict_arp(before)
    assert found.text == after
    wanted = json.loads(before)
    wanted["ipvs"] = {**(wanted.get("ipvs") or {}), "strictARP": True}
    assert json.loads(found.text) == wanted


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        pytest.param("", Refusal.NO_CONFIGURATION, id="nothing"),
        pytest.param("words", Refusal.NO_CONFIGURATION, id="no mapping"),
        pytest.param("apiVersion: v1\nkind: Config\n", Refusal.NO_CONFIGURATION, id="another kind"),
        pytest.param(HEAD + "mode: 7\nipvs:\n  strictARP: false\n", Refusal.NO_CONFIGURATION, id="refused all the same"),
        pytest.param(HEAD + "ipvs: [\n", Refusal.UNREADABLE, id="no YAML"),
        pytest.param(HEAD + "a: &a {b: 1}\nipvs: *a\n", Refusal.UNREADABLE, id="an alias"),
        pytest.param(HEAD + "ipvs:\n  <<: {a: 1}\n", Refusal.UNREADABLE, id="a merge key"),
        pytest.param(HEAD + "mode: ipvs\n---\nx: [\n", Refusal.UNREADABLE, id="no YAML in the second document"),
        pytest.param(HEAD + "ipvs:\n  a: 1\nipvs:\n  b: 1\n", Refusal.TWICE, id="two sections"),
        pytest.param(HEAD + "ipvs:\n  strictARP: false\n  strictARP: false\n", Refusal.TWICE, id="two lines"),
        pytest.param(HEAD + "ipvs: rr\n", Refusal.NOT_A_SECTION, id="a text for the section"),
        pytest.param(HEAD + "ipvs: [a]\n", Refusal.NOT_A_SECTION, id="a list for the section"),
        pytest.param(HEAD + "ipvs:\n  strictARP:\n  - true\n", Refusal.UNSURE, id="a list for the value"),
        pytest.param(HEAD + "ipvs:\n  strictARP: |\n    false\n  a: 1\n", Refusal.UNSURE, id="a block text for the value"),
        pytest.param(HEAD + "ipvs: !!map\n  a: 1\nx: {strictARP}\n", None, id="a tag on the section: fine"),
        pytest.param(HEAD + "ipvs:\n  !!map\n  a: 1\n", Refusal.UNSURE, id="a tag on a line of its own"),
        pytest.param(HEAD + "ipvs: {strictARP}\n", Refusal.UNSURE, id="a key without a colon"),
        pytest.param(HEAD + "? ipvs\n: a: 1\n", Refusal.UNSURE, id="an explicit key"),
    ],
)
def test_where_it_can_not_be_sure(text, refusal):
    found = enable_strict_arp(text)
    assert found.refusal == refusal
    assert (found.text == text) is (refusal is not None)
    assert found.reason
    assert found.changed is (refusal is None)


def test_what_is_left_is_named():
    found = enable_strict_arp(HEAD + "ipvs:\n  strictArp: true\n---\nipvs:\n  strictARP: true\n")
    assert found.changed
    assert [str(note) for note in found.notes] == [
        'line 4: "ipvs.strictArp" is not ipvs.strictARP, and kube-proxy ignores it',
        "only the first YAML document is read; a later one has a strictARP that nobody reads",
    ]
    assert found.reason == "strictARP: true is added to the section ipvs of line 3"


@pytest.mark.parametrize("distribution", ["kubeadm", "kind", "kubespray", "k0s", "talos-config", "openshift", "eks"])
def test_every_distributions_own_text(distribution):
    for document in documents(distribution):
        for text in document["data"].values() if document["kind"] == "ConfigMap" else ():
            found = enable_strict_arp(text)
            if "kind: Config" in text:
                assert found.refusal is Refusal.NO_CONFIGURATION
                continue
            before, after = yaml.safe_load(text), yaml.safe_load(found.text)
            assert after.pop("ipvs") == {**before.pop("ipvs"), "strictARP": True}
            assert after == before
            assert is_one_splice(text, found.text)


def is_one_splice(before: str, after: str) -> bool:
    start = next((n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after)))
    tail = 0
    while tail < min(len(before), len(after)) - start and before[-1 - tail] == after[-1 - tail]:
        tail += 1
    return (
        len(before) - start - tail <= len("!!bool no")
        and len(after) - start - tail <= len('"ipvs": {"strictARP": true}, ') + 8
    )


def test_the_check_of_one_splice_can_fail():
    assert not is_one_splice("a: 1\nb: 2\nc: 3\nd: 4\n", "a: 7\nb: 2\nc: 3\nd: 9\n")


# ------------------------------------------------------------------------------------------------------ properties

KEYS = st.sampled_from(["a", "b", "clusterCIDR", "mode", "nftables", "conntrack", "strictArp", "x-y"])
SCALARS = st.sampled_from(
    ["1", "null", "", "rr", '"quoted: # not"', "'it''s'", "10.0.0.0/8", "true", "0s", "[]", "{}", "[a, b]"]
)
COMMENT = st.sampled_from(["", "", "", "  # note", " # strictARP: false"])
STRICT = st.sampled_from(["false", "False", "no", '"true"', "", "null", "0", "true"])
FILLER = st.sampled_from(["", "\n", "# a comment\n", "# ipvs:\n#   strictARP: false\n", "   \n"])


@st.composite
def sections(draw, step):
    """The lines of `ipvs`, in any of its shapes; the empty text where it is missing."""
    shape = draw(st.sampled_from(["missing", "block", "block", "block", "braces", "null", "bare", "json"]))
    inner = draw(
        st.lists(st.tuples(st.sampled_from(["scheduler", "syncPeriod", "strictArp"]), SCALARS), unique_by=lambda p: p[0])
    )
    if draw(st.booleans()):
        inner.insert(draw(st.integers(0, len(inner))), ("strictARP", draw(STRICT)))
    note = draw(COMMENT)
    match shape:
        case "missing":
            return ""
        case "null":
            return f"ipvs: null{note}\n"
        case "bare":
            return f"ipvs:{note}\n"
        case "braces":
            return "ipvs: {" + ", ".join(f"{key}: {value or 'null'}" for key, value in inner) + f"}}{note}\n"
        case "json":
            return "ipvs: " + json.dumps({key: value == "true" for key, value in inner}) + f"{note}\n"
        case _:
            lines = "".join(f"{draw(FILLER)}{' ' * step}{key}: {value}{draw(COMMENT)}\n" for key, value in inner)
            return f"ipvs:{note}\n{lines}"


@st.composite
def texts(draw):
    step = draw(st.integers(1, 6))
    pairs = draw(st.lists(st.tuples(KEYS, SCALARS), unique_by=lambda pair: pair[0], max_size=5))
    blocks = [f"{key}: {value}{draw(COMMENT)}\n" for key, value in pairs if key != "mode" or value in ("rr", "", "null")]
    blocks += [draw(sections(step)), "kind: KubeProxyConfiguration\n", "apiVersion: kubeproxy.config.k8s.io/v1alpha1\n"]
    text = "".join(draw(FILLER) + block for block in draw(st.permutations(blocks)))
    text += draw(st.sampled_from(["", "---\nkind: X\nipvs: {strictARP: false}\n", "...\n"]))
    text = draw(st.sampled_from(["", "---\n"])) + text
    text = text if draw(st.booleans()) else text.removesuffix("\n")
    return text.replace("\n", "\r\n") if draw(st.booleans()) else text


def parsed(text):
    """By PyYAML's own construction, which the code under test does not use."""
    return list(yaml.safe_load_all(text))


@settings(max_examples=150, deadline=None)
@given(texts())
def test_nothing_else_changes(text):
    before = read(text)
    found = enable_strict_arp(text)
    assert found.refusal is None, found.reason
    assert found.changed is (before.strict_arp is not True)
    assert read(found.text).strict_arp is True
    (first, *more), (wanted, *others) = parsed(found.text), parsed(text)
    wanted["ipvs"] = {**(wanted.get("ipvs") or {}), "strictARP": True}
    assert (first, more) == (wanted, others)
    assert read(found.text).mode == before.mode
    assert is_one_splice(text, found.text)
    assert enable_strict_arp(found.text).text == found.text


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=120), st.booleans())
def test_any_text_is_edited_rightly_or_left_alone(text, head):
    text = (HEAD if head else "") + text
    found = enable_strict_arp(text)
    assert isinstance(found, Edit)
    if found.refusal is not None or not found.changed:
        assert found.text == text
    else:
        assert read(found.text).strict_arp is True


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.sampled_from(["ipvs:", "ipvs: ", " ", "\n", "  ", "strictARP: false", "{", "}", "a: 1", "# ", "|", "- ", "? "])
    )
)
def test_any_heap_of_fragments_is_edited_rightly_or_left_alone(parts):
    text = HEAD + "".join(parts)
    found = enable_strict_arp(text)
    assume(found.changed)
    before, after = next(iter(parsed(text))), next(iter(parsed(found.text)))
    inner = before.pop("ipvs", None) or {}
    assert after.pop("ipvs") == {**inner, "strictARP": True}
    assert after == before
