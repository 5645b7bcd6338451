"""The dashboard: every key is one of Grafana's schema, every query is PromQL, and no panel covers another."""

import json
import re
import subprocess
from itertools import combinations

import promtool
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from arpcheck.docs import file

DASHBOARD = json.loads(file("dashboard"))


def lost(found, kept, where="dashboard"):
    """The places whose value is not the same after Grafana's types have read and written it."""
    match found, kept:
        case dict(), dict():
            return [place for key in found for place in lost(found[key], kept.get(key), f"{where}.{key}")]
        case list(), list() if len(found) == len(kept):
            return [place for n, (a, b) in enumerate(zip(found, kept, strict=True)) for place in lost(a, b, f"{where}[{n}]")]
        case _:
            return [] if found == kept else [where]


def as_grafana_reads_it(dashboard):
    register_default_plugins()
    return json.loads(JSONEncoder().encode(Dashboard.from_json(dashboard)))


def test_grafanas_types_keep_every_key():
    assert lost(DASHBOARD, as_grafana_reads_it(DASHBOARD)) == []


@pytest.mark.parametrize("place", [("panels", 0), ("panels", 0, "gridPos"), ("panels", 7, "options"), ("templating",), ()])
def test_a_key_that_grafana_does_not_have_is_noticed(place):
    dashboard = json.loads(file("dashboard"))
    found = dashboard
    for step in place:
        found = found[step]
    found["tittle"] = "x"
    assert len(lost(dashboard, as_grafana_reads_it(dashboard))) == 1


def test_no_panel_covers_another_and_each_has_its_number():
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for one, other in combinations((panel["gridPos"] for panel in panels), 2):
        apart = (one["x"] + one["w"] <= other["x"], other["x"] + other["w"] <= one["x"])
        assert any((*apart, one["y"] + one["h"] <= other["y"], other["y"] + other["h"] <= one["y"]))
        assert one["x"] + one["w"] <= 24


def queries():
    return [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]


def test_every_query_is_of_the_chosen_context():
    for text in queries():
        selectors = re.findall(r"arpcheck_\w+(\{[^}]*\})?", text)
        assert selectors
        assert [one for one in selectors if 'context=~"$context"' not in one] == []


@pytest.mark.skipif(promtool.PROMTOOL is None, reason=promtool.MISSING)
def test_every_query_is_promql(tmp_path):
    texts = [text.replace("$context", ".*").replace("$__rate_interval", "5m") for text in queries()]
    rules = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(texts)]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run(
        [promtool.PROMTOOL, "check", "rules", str(tmp_path / "rules.yaml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
