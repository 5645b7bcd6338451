"""Every reason of an address is in the formats for people, with how sure it is and its cure."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape

import pytest
from report_samples import CLEAN, SILENT

from arpcheck.model import CauseId, Report, TargetReport
from arpcheck.reports import Style, render
from arpcheck.reports.rows import explanations
from arpcheck.reports.words import likely

REASONS = [(target, reason) for target in SILENT.targets for reason in target.reasons]


def words(report: Report, name: str) -> str:
    """The text of a page, without markup."""
    text = re.sub(r"<style>.*</style>|<script.*</script>|<[^>]*>", " ", render(report, name, Style()), flags=re.DOTALL)
    return " ".join(re.sub(r"[`|]", " ", unescape(text)).split())


@pytest.mark.parametrize("name", ["html", "markdown", "wide"])
def test_each_reason_with_its_certainty_and_its_cure(name: str) -> None:
    text = words(SILENT, name)
    for target, reason in REASONS:
        alone = words(replace(SILENT, targets=(replace(target, reasons=(reason,)),), findings=(), causes=()), name)
        cure = " ".join(reason.do.replace("`", " ").split())
        assert {str(reason.id), str(reason.certainty)} <= {*re.findall(r"[\w-]+", alone)}
        assert f"{reason.subject}: {reason.evidence}" in alone
        assert cure in alone
        assert str(reason.id) in text
    assert explanations(CLEAN.targets) == []


def test_what_is_alike_is_said_once_with_all_its_addresses() -> None:
    found = explanations(SILENT.targets)
    assert [(one.reason, one.certainty) for one in found] == [
        ("no-ready-endpoint", "sure"),
        ("record-behind", "likely"),
        ("announcer-mute", "likely"),
        ("left-on-interface", "possible"),
    ]
    assert found[0].addresses == ", ".join(str(target.target.ip) for target in silent_ones())
    assert found[0].do.startswith("For 10.0.0.60: ")
    assert found[2].addresses == "10.0.0.60, 10.0.0.65, 10.0.0.70"
    assert not found[2].do.startswith("For ")


def silent_ones() -> list[TargetReport]:
    return [target for target in SILENT.targets if target.reasons and target.target.ip != SILENT.targets[0].target.ip]


def test_a_cause_is_not_told_again_where_the_finding_groups_them() -> None:
    assert [cause.id for cause in SILENT.causes] == [CauseId.NOBODY_ANNOUNCES]
    assert likely(SILENT) == ()
    assert likely(replace(SILENT, findings=())) == SILENT.causes
