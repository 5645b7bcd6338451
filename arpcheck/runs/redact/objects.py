"""Objects with their names, addresses and MACs replaced; what no stage reads is left out, what is not known is opaque.

Knows where in an object nothing but a name can stand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from arpcheck import pipeline
from arpcheck.cluster.discovery import resource_of
from arpcheck.cluster.requirements import Tree, compile_fields, trim
from arpcheck.model import Gap
from arpcheck.objects import Object, Objects, name, namespace, text
from arpcheck.runs.redact.pseudonyms import Names
from arpcheck.runs.redact.strings import Strings
from arpcheck.runs.redact.vocabulary import is_known

SELECTED = "arpcheck/selected"
"""The label that stands for `--selector`: on every Service that it selected."""

_NAME_KEYS = frozenset(
    {
        "namespace", "nodeName", "holderIdentity", "node", "serviceName", "serviceNamespace", "service", "service-name",
        "service-namespace", "svcname", "svcnamespace", "vipHost", "announcing-node", "hostname",
    }
)  # fmt: skip
"""Of a key the part after its last slash."""

_VERSION = re.compile(r"(^|/)v\d{1,2}((alpha|beta)\d{1,2})?$")
_NAMED = ("involvedObject", "regarding")


def trimmed(resource: str, objects: Iterable[Object]) -> tuple[Object, ...]:
    """Only what some stage reads."""
    tree = _tree(resource)
    return tuple(trim(obj, tree) for obj in objects)


def _tree(resource: str) -> Tree:
    return compile_fields(field for need in pipeline.NEEDS if need.resource == resource for field in need.fields)


def name_objects(objects: Objects, names: Names) -> None:
    """Gives every object's name its pseudonym: nodes and Services first, then what is called after them."""
    for node in objects.nodes():
        names.give_host(node.name, "node")
    for node in objects.nodes():
        for host in (node.labels.get("kubernetes.io/hostname", ""), *_hosts(node.raw)):
            if host and names.of(host) is None:
                names.give_host(host, "node")
    every = [(resource, obj) for resource, found in sorted(objects.resources.items()) for obj in found]
    looked_into = {need.namespace for need in pipeline.NEEDS}
    for space in sorted({namespace(obj) for _, obj in every}):
        if space not in looked_into:  # the same in every cluster
            names.give(space, "namespace")
    services = sorted({(s.namespace, s.name) for s in objects.services()})
    for _, service in services:
        names.give(service, "service")
    for space, service in services:
        shown = names.of(space) or space, names.of(service) or service
        names.put(f"cilium-l2announce-{space}-{service}", f"cilium-l2announce-{shown[0]}-{shown[1]}")
    for obj in sorted((obj for _, obj in every), key=lambda obj: (text(obj, "kind"), name(obj))):
        _name(obj, names)


def _hosts(node: Object) -> Iterable[str]:
    listed = node.get("status", {}).get("addresses", ()) if isinstance(node.get("status"), Mapping) else ()
    for entry in listed if isinstance(listed, list | tuple) else ():
        if text(entry, "type") in ("Hostname", "InternalDNS", "ExternalDNS"):
            yield text(entry, "address")


def _name(obj: Object, names: Names) -> None:
    """What is called after a node or a Service stays called after it: `kubevip-web`, `kube-proxy-worker-1`."""
    own = name(obj)
    if not own or names.of(own) is not None or (is_known(own) and not any(letter.isdecimal() for letter in own)):
        return
    words = own.split("-")
    for at in range(1, len(words)):
        head, rest = "-".join(words[:at]), "-".join(words[at:])
        if is_known(head) and (found := names.of(rest)) is not None:
            names.put(own, f"{head}-{found}")
            return
    known = next((n for n in range(len(words), 0, -1) if _says_nothing("-".join(words[:n]))), 0)
    kind = text(obj, "kind").lower()
    names.give(own, "-".join(words[:known]) or (kind if is_known(kind) else "object"))


def _says_nothing(text: str) -> bool:
    """Known words without a number, which could be a part of an address."""
    return is_known(text) and not any(word.isdecimal() for word in re.split(r"\W|_", text))


def redacted(objects: Objects, strings: Strings, names: Names) -> Objects:
    return Objects(
        resources={
            resource: tuple(_object(obj, resource, strings) for obj in found)
            for resource, found in objects.resources.items()
        },
        gaps=tuple(_gap(gap, strings) for gap in objects.gaps),
        context=names.of(objects.context) if objects.context else None,
        version=strings.value(objects.version) if objects.version else None,
        read_at=objects.read_at,
        server_ahead=objects.server_ahead,
    )


def _gap(gap: Gap, strings: Strings) -> Gap:
    return Gap(what=gap.what, why=strings.value(gap.why), costs=strings.sentence(gap.costs))


def _object(obj: Object, resource: str, strings: Strings) -> Object:
    """Its kind stays where it is the resource's; anything may stand there in a file."""
    own = text(obj, "kind") in ("Service", "Node")
    found: dict[str, Any] = _walk(obj, strings, (), own=own)
    kind = {key: text(obj, key) for key in ("apiVersion", "kind")}
    return found | kind if _is_of(resource, **kind) else found


def _is_of(resource: str, apiVersion: str, kind: str) -> bool:  # noqa: N803 - the field's name
    return _VERSION.search(apiVersion) is not None and resource_of(apiVersion, kind) == resource


def _walk(value: Any, strings: Strings, path: tuple[str, ...], *, own: bool) -> Any:
    match value:
        case Mapping():
            return {
                strings.value(key) if isinstance(key, str) else str(key): _walk(entry, strings, (*path, str(key)), own=own)
                for key, entry in value.items()
            }
        case list() | tuple():
            return [_walk(entry, strings, path, own=own) for entry in value]
        case str():
            return strings.value(value, name=_is_name(path, own=own))
        case int() if not isinstance(value, bool):
            return strings.number(value)
        case bool() | float() | None:
            return value
        case _:
            return strings.opaque(str(value))


def _is_name(path: tuple[str, ...], *, own: bool) -> bool:
    if path[-1:] == ("name",) and len(path) > 1:
        return path[-2] in _NAMED or (path[-2] == "metadata" and own)
    return bool(path) and path[-1].rpartition("/")[2] in _NAME_KEYS


