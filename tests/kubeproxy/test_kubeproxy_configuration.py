"""A KubeProxyConfiguration as kube-proxy reads it: strictly, then leniently, and when it would not start at all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kubeproxy_objects import CONFIG_HEAD as HEAD

from arpcheck.kubeproxy import modes
from arpcheck.kubeproxy.config import MAX_CHARS, Configuration, ParseFault, all_documents, first_document, read
from arpcheck.kubeproxy.modes import Oddity, has

EXITS = ": kube-proxy exits at its start with it, and what runs now has loaded something else"


def conf(text: str, head: str = HEAD) -> tuple[str | None, bool | None, tuple[str, ...]]:
    found = read(head + text)
    return found.mode, found.strict_arp, tuple(map(str, found.notes))


@pytest.mark.parametrize(
    ("text", "mode", "strict_arp", "notes"),
    [
        pytest.param("mode: ipvs\nipvs:\n  strictARP: true\n", "ipvs", True, (), id="right"),
        pytest.param("mode: ipvs\nipvs:\n  strictARP: false\n", "ipvs", False, (), id="off"),
        pytest.param("mode: ipvs\nipvs:\n  strictARP: True # why\n", "ipvs", True, (), id="capital, comment"),
        pytest.param("mode: ipvs\nipvs:\n  strictARP: yes\n", "ipvs", True, (), id="YAML 1.1: yes"),
        pytest.param("mode: ipvs\nipvs:\n  strictARP: off\n", "ipvs", False, (), id="YAML 1.1: off"),
        pytest.param("mode: ipvs\nipvs:\n  strictARP:\n", "ipvs", False, (), id="empty value"),
        pytest.param("mode: ipvs\nipvs:\n  strictARP: null\n", "ipvs", False, (), id="null value"),
        pytest.param("mode: ipvs\nipvs:\n  # strictARP: true\n  scheduler: rr\n", "ipvs", False, (), id="commented out"),
        pytest.param("mode: ipvs\n", "ipvs", False, (), id="no ipvs section"),
        pytest.param("mode: ipvs\nipvs: {}\n", "ipvs", False, (), id="empty ipvs section"),
        pytest.param("mode: ipvs\nipvs:\n", "ipvs", False, (), id="ipvs without a value"),
        pytest.param("mode: ipvs\nipvs: null\n", "ipvs", False, (), id="ipvs null"),
        pytest.param('mode: ipvs\nipvs: {"strictARP":true}\n', "ipvs", True, (), id="JSON inside YAML"),
        pytest.param("ipvs:\n  strictARP: true\n", "", True, (), id="no mode"),
        pytest.param('mode: ""\n', "", False, (), id="empty mode"),
        pytest.param("mode:\n", "", False, (), id="null mode"),
        pytest.param("mode: userspace\n", "userspace", False, (), id="userspace"),
        pytest.param("mode: IPVS\n", "IPVS", False, (), id="the mode is taken as written"),
        pytest.param(
            *("mode: ipvs\nipvs:\n  strictArp: true\n", "ipvs", False),
            ('line 5: "ipvs.strictArp" is not ipvs.strictARP, and kube-proxy ignores it',),
            id="misspelt",
        ),
        pytest.param(
            *("mode: ipvs\nipvs:\n  strict_arp: true\n  strictARP: false\n", "ipvs", False),
            ('line 5: "ipvs.strict_arp" is not ipvs.strictARP, and kube-proxy ignores it',),
            id="misspelt beside the right one",
        ),
        pytest.param(
            *("mode: ipvs\nstrictARP: true\n", "ipvs", False),
            ('line 4: "strictARP" is not ipvs.strictARP, and kube-proxy ignores it',),
            id="at the top level",
        ),
        pytest.param(
            *("mode: ipvs\niptables:\n  strictARP: true\n", "ipvs", False),
            ('line 5: "iptables.strictARP" is not ipvs.strictARP, and kube-proxy ignores it',),
            id="in another section",
        ),
        pytest.param(
            *("proxyMode: ipvs\nIPVS:\n  strictARP: true\n", "", False),
            (
                'line 5: "IPVS.strictARP" is not ipvs.strictARP, and kube-proxy ignores it',
                'line 3: "proxyMode" is not mode, and kube-proxy ignores it',
                'line 4: "IPVS" is not ipvs, and kube-proxy ignores it',
            ),
            id="mode and section misspelt",
        ),
        pytest.param(
            *("mode: ipvs\nfancy: 1\nipvs:\n  strictARP: true\n", "ipvs", True),
            ('line 4: "fancy" is not a key that arpcheck knows; kube-proxy ignores unknown keys',),
            id="a key that is unknown",
        ),
        pytest.param(
            *("mode: ipvs\nipvs:\n  strictARP: true\nipvs:\n  scheduler: rr\n", "ipvs", False),
            ("ipvs is there 2 times (lines 5, 7); the last one counts",),
            id="section twice",
        ),
        pytest.param(
            *("mode: iptables\nmode: ipvs\nipvs:\n  strictARP: false\n  strictARP: true\n", "ipvs", True),
            (
                "mode is there 2 times (lines 3, 4); the last one counts",
                "strictARP is there 2 times (lines 6, 7); the last one counts",
            ),
            id="keys twice",
        ),
        pytest.param(
            *('mode: ipvs\nipvs:\n  strictARP: "true"\n', "ipvs", None),
            (f'line 5: strictARP is a text ("true"), not a boolean{EXITS}',),
            id="a text for strictARP",
        ),
        pytest.param(
            *("mode: ipvs\nipvs:\n  strictARP: 1\n", "ipvs", None),
            (f'line 5: strictARP is a number ("1"), not a boolean{EXITS}',),
            id="a number for strictARP",
        ),
        pytest.param(
            *("mode: ipvs\nipvs:\n  strictARP: [true]\n", "ipvs", None),
            (f"line 5: strictARP is a list, not a boolean{EXITS}",),
            id="a list for strictARP",
        ),
        pytest.param(
            *("mode: ipvs\nipvs: true\n", "ipvs", None),
            (f'line 4: ipvs is a boolean ("true"), not a section{EXITS}',),
            id="no section under ipvs",
        ),
        pytest.param(
            *("mode: 1\nipvs:\n  strictARP: true\n", None, True),
            (f'line 3: mode is a number ("1"), not a text{EXITS}',),
            id="a number for mode",
        ),
        pytest.param(
            *("mode: ipvs\nipvs:\n  strictARP: y\n", "ipvs", None),
            ("line 5: strictARP is y, which not every YAML reader takes as a boolean",),
            id="a doubtful boolean",
        ),
        pytest.param(
            *("mode: ipvs\n---\nmode: iptables\nipvs:\n  strictARP: true\n", "ipvs", False),
            ("only the first YAML document is read; a later one has a strictARP that nobody reads",),
            id="two documents, strictARP in the second",
        ),
        pytest.param(
            *("mode: ipvs\nipvs:\n  strictARP: true\n---\nfoo: bar\n", "ipvs", True),
            ("only the first YAML document is read",),
            id="two documents",
        ),
    ],
)
def test_what_kube_proxy_takes_from_it(text, mode, strict_arp, notes):
    assert conf(text) == (mode, strict_arp, notes)
    assert conf(text.replace("\n", "\r\n"), HEAD.replace("\n", "\r\n")) == (mode, strict_arp, notes)


@pytest.mark.parametrize(
    ("text", "mode", "strict_arp"),
    [
        (
            '{"kind": "KubeProxyConfiguration", "apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "mode": "ipvs"}',
            "ipvs",
            False,
        ),
        (
            '{\n\t"apiVersion":"kubeproxy.config.k8s.io/v1alpha1",\n\t"kind":"KubeProxyConfiguration",\n'
            '\t"mode":"ipvs",\n\t"ipvs":{"strictARP":true}\n}',
            *("ipvs", True),
        ),
        ("{kind: KubeProxyConfiguration, apiVersion: kubeproxy.config.k8s.io/v1alpha1, ipvs: {strictARP: on}}", "", True),
    ],
    ids=["JSON", "JSON with tabs", "YAML in braces"],
)
def test_json_and_braces(text, mode, strict_arp):
    assert conf(text, head="") == (mode, strict_arp, ())


@pytest.mark.parametrize(
    ("text", "note"),
    [
        pytest.param("", f"it holds no configuration{EXITS}", id="empty"),
        pytest.param("# nothing\n", f"it holds no configuration{EXITS}", id="a comment only"),
        pytest.param("just words", f"it holds no configuration{EXITS}", id="no mapping"),
        pytest.param("- a\n- b\n", f"it holds no configuration{EXITS}", id="a list"),
        pytest.param(
            "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nmode: ipvs\n",
            f"kind is missing, not KubeProxyConfiguration{EXITS}",
            id="no kind",
        ),
        pytest.param(
            "apiVersion: v1\nkind: Config\n", f'kind is "Config", not KubeProxyConfiguration{EXITS}', id="a kubeconfig"
        ),
        pytest.param(
            "apiVersion: kubeproxy.config.k8s.io/v1\nkind: KubeProxyConfiguration\n",
            f'apiVersion is "kubeproxy.config.k8s.io/v1", not kubeproxy.config.k8s.io/v1alpha1{EXITS}',
            id="another version",
        ),
    ],
)
def test_what_it_would_not_start_with(text, note):
    found = read(text)
    assert (found.mode, found.strict_arp, tuple(map(str, found.notes))) == (None, None, (note,))
    assert has(found.notes, Oddity.REFUSED)


@pytest.mark.parametrize(
    ("text", "note"),
    [
        pytest.param("mode: [ipvs\nfoo: }", "unreadable: line 4: expected ',' or ']', but got ':'", id="no YAML"),
        pytest.param("\tmode: ipvs\n", "unreadable: line 3: found character '\\t' that cannot start any token", id="a tab"),
        pytest.param("a: &a [x]\nb: *a\n", "unreadable: line 4: an alias, which arpcheck does not follow", id="an alias"),
        pytest.param(
            "a: &a {b: 1}\nipvs:\n  <<: {strictARP: true}\n",
            "unreadable: line 5: a merge key, which arpcheck does not follow",
            id="a merge key",
        ),
        pytest.param(f"a: {'[' * 40}{']' * 40}\n", "unreadable: line 3: nested more than 32 deep", id="deep"),
        pytest.param(f"a: {'[' * 50000}", "unreadable: line 3: nested more than 32 deep", id="very deep"),
        pytest.param('a: "\\UFFFFFFFF"\n', None, id="an impossible character"),
        pytest.param("a: \x00\n", None, id="a NUL"),
        pytest.param("x" * (MAX_CHARS + 1), None, id="too long"),
    ],
)
def test_what_arpcheck_can_not_read_is_said_and_never_raised(text, note):
    found = read(HEAD + text)
    assert (found.mode, found.strict_arp) == (None, None)
    assert [has((one,), Oddity.UNREADABLE) for one in found.notes] == [True]
    assert note is None or str(found.notes[0]) == note


@pytest.mark.parametrize("version", ["9.9", "99999999999999999999.1", "1" * 5000 + ".1"])
def test_a_yaml_that_nobody_knows_is_unreadable(version):
    found = read(f"%YAML {version}\n---\n{HEAD}")
    assert (found.mode, found.strict_arp) == (None, None)
    assert has(found.notes, Oddity.UNREADABLE)


def test_billion_laughs_is_refused_at_the_first_alias():
    laughs = "a: &a [lol, lol]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    assert "an alias" in read(HEAD + laughs).notes[0]


def test_a_repeated_section_in_json_is_merged_by_its_decoder_which_arpcheck_does_not_follow():
    text = '{"kind":"KubeProxyConfiguration","apiVersion":"kubeproxy.config.k8s.io/v1alpha1",'
    found = read(text + '"mode":"ipvs","ipvs":{"strictARP":true},"ipvs":{}}')
    assert (found.mode, found.strict_arp) == (None, None)
    assert has(found.notes, Oddity.UNREADABLE)


def test_many_unknown_keys_are_counted():
    found = read(HEAD + "".join(f"key{n}: {n}\n" for n in range(30)))
    assert len(found.notes) == 9
    assert str(found.notes[-1]) == "22 more unknown keys"
    assert len(read(HEAD + "".join(f"key{n}: {n}\n" for n in range(8))).notes) == 8


def test_a_misspelt_key_is_named_before_all_that_is_unknown():
    found = read(HEAD + "".join(f"key{n}: {n}\n" for n in range(30)) + "strictarp: true\n")
    assert str(found.notes[0]) == 'line 33: "strictarp" is not ipvs.strictARP, and kube-proxy ignores it'


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text_gives_a_configuration(text):
    assert isinstance(read(text), Configuration)
    assert isinstance(read(HEAD + text), Configuration)
    assert isinstance(all_documents(text), tuple | ParseFault)
    first_document(text)


_FRAGMENTS = (
    "ipvs",
    "mode",
    ": ",
    "\n",
    "  ",
    "strictARP",
    "true",
    '"',
    "{",
    "}",
    "[",
    "]",
    "---\n",
    "# ",
    "&a ",
    "*a",
    "? ",
    "|",
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(_FRAGMENTS), max_size=25).map("".join))
def test_any_heap_of_fragments_gives_a_configuration(text):
    assert isinstance(read(HEAD + text), Configuration)


# ------------------------------------------------------------------------------------------------ modes by version


@pytest.mark.parametrize(
    ("written", "version", "mode", "note"),
    [
        ("", "v1.33.4", "iptables", "the mode is empty, which is iptables up to 1.39"),
        ("", None, "iptables", "the mode is empty, which is iptables up to 1.39; the version is not known"),
        ("", "v1.40.0", "nftables", "the mode is empty: nftables is the planned default from 1.40 on (KEP-5343)"),
        ("iptables", "v1.18.2", "iptables", None),
        ("nftables", "v1.33.4+k3s1", "nftables", None),
        ("nftables", "v1.28.3", None, 'kube-proxy of this version has no mode "nftables" and exits at its start'),
        ("userspace", "v1.25.4", "userspace", None),
        ("userspace", "v1.26.0", None, 'kube-proxy of this version has no mode "userspace" and exits at its start'),
        ("IPVS", "v1.33.4", None, 'kube-proxy of this version has no mode "IPVS" and exits at its start'),
        ("ipvs", "v1.33.4", "ipvs", None),
        (
            *("ipvs", "v1.25.4", "ipvs"),
            "kube-proxy up to 1.25 takes iptables without an error where IPVS can't be used; its log names the mode",
        ),
        (
            *("ipvs", "v1.40.1", "ipvs"),
            "from 1.40 on kube-proxy runs in IPVS mode only with the feature gate KubeProxyIPVS (KEP-5495)",
        ),
        ("ipvs", "v1.43.0", "ipvs", "IPVS mode was to be removed in 1.43 (KEP-5495): kube-proxy exits at its start"),
    ],
)
def test_what_a_mode_comes_to(written, version, mode, note):
    found, notes = modes.effective(written, modes.minor(version))
    assert (found, tuple(map(str, notes))) == (mode, (note,) if note else ())


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        *[("v1.33.4", (1, 33)), ("1.30", (1, 30)), ("v1.31.7-eks-473151a", (1, 31)), ("v2.0.0", (2, 0))],
        *[("", None), ("x", None), (None, None), ("v1.99999", None)],
    ],
)
def test_minor_versions(version, expected):
    assert modes.minor(version) == expected


@pytest.mark.parametrize(
    ("version", "deprecation", "first_way_out"),
    [
        (
            (1, 28),
            "IPVS mode is deprecated from 1.35 on, to be off by default in 1.40 and removed in 1.43 (KEP-5495)",
            "iptables",
        ),
        (
            (1, 31),
            "IPVS mode is deprecated from 1.35 on, to be off by default in 1.40 and removed in 1.43 (KEP-5495)",
            "nftables",
        ),
        (
            (1, 36),
            "IPVS mode is deprecated since 1.35, to be off by default in 1.40 and removed in 1.43 (KEP-5495)",
            "nftables",
        ),
        (
            (1, 35),
            "IPVS mode is deprecated since 1.35, to be off by default in 1.40 and removed in 1.43 (KEP-5495)",
            "nftables",
        ),
        ((1, 40), "IPVS mode: deprecated in 1.35, off by default since 1.40, code removed in 1.43 (KEP-5495)", "nftables"),
    ],
)
def test_deprecation_and_the_way_out(version, deprecation, first_way_out):
    assert modes.deprecation(version) == deprecation
    assert f"mode {first_way_out}" in modes.way_out(version)[0]
    assert any("kube-ipvs0" in line for line in modes.way_out(version))
