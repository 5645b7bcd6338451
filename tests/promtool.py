"""Scrapes as `promtool test rules` takes them, and what the shipped alerts make of them."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from arpcheck.commands.serving import Snapshot, collector
from arpcheck.docs import file

PROMTOOL = shutil.which("promtool")
MISSING = "promtool is not installed (Debian: prometheus)"
EVERY = 30
"""Seconds between two scrapes and two evaluations."""

Scrape = Mapping[str, float]
"""Values by series."""


def scraped(snapshot: Snapshot | None, **target: str) -> dict[str, float]:
    """What a scrape of `watch --serve` gives, with the labels of its target. Without the text in between, which would take most
    of the time of these tests: that both give the same is a test of its own."""
    return _values_of(_registry(snapshot).collect(), **target)


def scraped_as_text(snapshot: Snapshot | None, **target: str) -> dict[str, float]:
    return read(generate_latest(_registry(snapshot)).decode(), **target)


def _registry(snapshot: Snapshot | None) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector(lambda: snapshot))
    return registry


def read(text: str, **target: str) -> dict[str, float]:
    return _values_of(text_string_to_metric_families(text), **target)


def _values_of(families: Iterable[Metric], **target: str) -> dict[str, float]:
    found = {}
    for family in families:
        for sample in family.samples:
            labels = {**sample.labels, **target}
            quoted = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()) if value)
            found[f"{sample.name}{{{quoted}}}"] = sample.value
    return found


def input_series(scrapes: Sequence[Scrape]) -> list[dict[str, str]]:
    """A series that a scrape no longer has is stale, as Prometheus marks it."""
    names = dict.fromkeys(name for scrape in scrapes for name in scrape)
    return [{"series": name, "values": _values([scrape.get(name) for scrape in scrapes])} for name in names]


def _values(found: Iterable[float | None]) -> str:
    """Runs of the same value are written as one, since a day has 2,880 scrapes."""
    runs: list[tuple[str, int]] = []
    last: float | None = None
    for value in found:
        text = f"{value:.17g}" if value is not None else "stale" if last is not None else "_"
        last = value
        if runs and runs[-1][0] == text and text != "stale":
            runs[-1] = text, runs[-1][1] + 1
        else:
            runs.append((text, 1))
    return " ".join(_run(text, number) for text, number in runs)


def _run(text: str, number: int) -> str:
    if number == 1:
        return text
    return f"_x{number}" if text == "_" else f"{text}+0x{number - 1}"


def failures(scrapes: Sequence[Scrape], *, alerts: Sequence[Any] = (), expressions: Sequence[Any] = ()) -> str:
    """What promtool says against these expectations of the shipped alerts; empty: they hold. `alerts` and `expressions`: as
    in `alert_rule_test` and `promql_expr_test`."""
    test = {
        "rule_files": ["alerts.yaml"],
        "evaluation_interval": f"{EVERY}s",
        "tests": [
            {
                "interval": f"{EVERY}s",
                "input_series": input_series(scrapes),
                "alert_rule_test": list(alerts),
                "promql_expr_test": list(expressions),
            }
        ],
    }
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "alerts.yaml").write_text(file("alerts"))
        Path(folder, "test.yaml").write_text(yaml.safe_dump(test, width=1 << 20))
        done = subprocess.run(
            [str(PROMTOOL), "test", "rules", f"{folder}/test.yaml"], capture_output=True, text=True, check=False
        )
    return "" if done.returncode == 0 else f"{done.stdout}{done.stderr}"


def firing(at: float, *expected: Mapping[str, str], **chosen: str) -> dict[str, Any]:
    """The expression test that exactly these alerts fire after so many seconds; each is alertname and the labels of
    interest."""
    names = sorted({"alertname", *(name for one in expected for name in one)})
    filters = ",".join(['alertstate="firing"', *(f'{name}="{value}"' for name, value in chosen.items())])
    return {
        "expr": f"count by ({', '.join(names)}) (ALERTS{{{filters}}}) > bool 0",
        "eval_time": f"{at:.0f}s",
        "exp_samples": [
            {"labels": "{" + ",".join(f'{name}="{value}"' for name, value in sorted(one.items())) + "}", "value": 1}
            for one in expected
        ],
    }


def never(severity: str, until: float) -> dict[str, Any]:
    """The expression test that no alert of this severity fired at any time until then."""
    return {
        "expr": f'count_over_time(ALERTS{{alertstate="firing",severity="{severity}"}}[{until:.0f}s])',
        "eval_time": f"{until:.0f}s",
        "exp_samples": [],
    }
