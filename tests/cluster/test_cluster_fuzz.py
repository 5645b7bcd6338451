"""Any bytes as cluster file, kubeconfig or answer: objects, or an error that has a name."""

import json

from cluster_world import CLUSTER, NEEDS
from hypothesis import given, settings
from hypothesis import strategies as st

from arpcheck.cluster import snapshot
from arpcheck.cluster.api import ReadOutcome, read_list
from arpcheck.cluster.discovery import Served
from arpcheck.cluster.files import open_file, read_file
from arpcheck.cluster.kubeconfig import load
from arpcheck.cluster.limits import ReadError
from arpcheck.cluster.parse import MalformedError, json_value
from arpcheck.cluster.requirements import fold, merge
from arpcheck.errors import ArpcheckError

KEYS = st.sampled_from(["apiVersion", "kind", "items", "metadata", "name", "namespace", "labels", "continue", "arpcheck", "read", "gaps",
                        "spec", "volumes", "configMap", "projected", "sources", "data", "status", "contexts", "clusters", "users",
                        "current-context", "cluster", "server", "user", "exec"])  # fmt: skip
TEXTS = st.sampled_from(
    ["v1", "List", "Service", "ServiceList", "Pod", "kube-system", "apps/v1", "DaemonSet", "https://x", "a"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=5),
    max_leaves=25,
)
BYTES = (
    st.binary()
    | st.text(alphabet="{}[]:,-?&*!|>'\"%@` \n\tab0~#", max_size=60).map(str.encode)
    | JSON.map(lambda v: json.dumps(v).encode())
)


@given(BYTES)
@settings(max_examples=300, deadline=None)
def test_cluster_files(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzzed"
    path.write_bytes(content)
    try:
        found = read_file(str(path), merge(NEEDS), services_required=False)
    except ArpcheckError as error:
        assert "\n" not in str(error.message)  # noqa: PT017 - either is right
        return
    snapshot(found).encode()


@given(BYTES)
@settings(max_examples=200, deadline=None)
def test_kubeconfigs(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzzed-kubeconfig"
    path.write_bytes(content)
    try:
        load(str(path), None, {})
    except ArpcheckError as error:
        assert str(error)  # noqa: PT017 - either is right


@given(st.lists(JSON, min_size=1, max_size=3))
@settings(max_examples=300, deadline=None)
def test_answers(answers):
    def read(answer, each):
        return json_value(json.dumps(answer).encode(), each)

    served = Served(api_version="v1", plural="pods", kind="Pod", namespaced=True)
    found = []
    for want in merge(NEEDS):
        pages = iter(answers)
        try:
            found.append(
                (
                    want,
                    read_list(
                        lambda _path, _query, each, pages=pages: read(next(pages, None), each), served, None, want
                    ).objects,
                )
            )
        except ReadError as unread:
            assert ReadOutcome(want=want, error=unread).kept is None  # noqa: PT017 - either is right
    assert fold(found) is not None


@given(
    BYTES
    | JSON.map(lambda value: json.dumps({"kind": "List", "items": [value, {"items": [value]}], "more": value}).encode())
)
@settings(max_examples=300, deadline=None)
def test_entries_that_are_read_one_by_one_are_those_that_are_read_together(body):
    def together(each):
        value = json_value(body)
        return (
            value | {"items": [each(i) for i in value["items"]]}
            if isinstance(value, dict) and isinstance(value.get("items"), list)
            else value
        )

    def outcome(read):
        try:
            return read(lambda entry: ("made", entry))
        except MalformedError:
            return MalformedError

    assert outcome(lambda each: json_value(body, each)) == outcome(together)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_one_thing_wrong_in_a_sound_file_loses_nothing_else(data):
    objects = json.loads(json.dumps(CLUSTER))
    spoilt = data.draw(st.sampled_from(objects))
    key = data.draw(st.sampled_from([k for k in spoilt if k not in ("apiVersion", "kind", "metadata")] or ["spec"]))
    spoilt[key] = data.draw(JSON)
    file = open_file(json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}).encode(), "f")
    assert sum(map(len, file.found.values())) == len(CLUSTER)
