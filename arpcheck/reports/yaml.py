"""`-o yaml`: the JSON document as YAML. A list with numbers is on one line."""

from __future__ import annotations

import json
from typing import Any

import yaml

from arpcheck.model import Report
from arpcheck.reports import Style
from arpcheck.reports.document import document
from arpcheck.reports.json import written


class _Row(list[Any]):
    """A list with numbers: rounds, or a row of evidence."""


class _ReportDumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc] # libyaml's is three times as fast
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


_ReportDumper.add_representer(
    _Row, lambda dumper, row: dumper.represent_sequence("tag:yaml.org,2002:seq", row, flow_style=True)
)


def render(report: Report, style: Style) -> str:  # noqa: ARG001 - the same for every terminal
    content = _with_rows(json.loads(written(document(report))))
    text: str = yaml.dump(content, Dumper=_ReportDumper, sort_keys=False, default_flow_style=False, width=2**20)
    return text


def _with_rows(value: Any) -> Any:
    match value:
        case dict():
            return {_yaml_text(key): _with_rows(entry) for key, entry in value.items()}
        case list() if any(isinstance(entry, (int, float)) for entry in value):
            return _Row(map(_with_rows, value))
        case list():
            return [_with_rows(entry) for entry in value]
        case str():
            return _yaml_text(value)
        case _:
            return value


def _yaml_text(value: str) -> str:
    """Without lone surrogates, which YAML cannot represent (YAML 1.2, 5.1)."""
    return value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
