"""Redacts Kubernetes objects and strings: names, addresses and MAC addresses get pseudonyms.

Fields that no stage reads are dropped. In strings, words of the vocabulary, numbers and times stay, and everything else
becomes `text-1`. JSON, lists, paths, options and sentences are split and joined again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv4Interface, IPv6Interface
from typing import Any

from arpcheck import pipeline
from arpcheck.cluster.discovery import resource_of
from arpcheck.cluster.requirements import Tree, compile_fields, trim
from arpcheck.model import Gap, Mac
from arpcheck.objects import Object, Objects, name, namespace, text
from arpcheck.runs.redact.pseudonyms import Addresses, Macs, Names
from arpcheck.runs.redact.vocabulary import is_known

SELECTED = "arpcheck/selected"
"""The label that replaces `--selector`, on every selected Service."""

_NAME_KEYS = frozenset(
    {
        "namespace", "nodeName", "holderIdentity", "node", "serviceName", "serviceNamespace", "service", "service-name",
        "service-namespace", "svcname", "svcnamespace", "vipHost", "announcing-node", "hostname",
    }
)  # fmt: skip
"""Keys that contain names, by the part after the last slash."""

_VERSION = re.compile(r"(^|/)v\d{1,2}((alpha|beta)\d{1,2})?$")
_NAMED = ("involvedObject", "regarding")


def trimmed(resource: str, objects: Iterable[Object]) -> tuple[Object, ...]:
    """Only the fields that a stage reads."""
    tree = _tree(resource)
    return tuple(trim(obj, tree) for obj in objects)


def _tree(resource: str) -> Tree:
    return compile_fields(field for need in pipeline.NEEDS if need.resource == resource for field in need.fields)


def name_objects(objects: Objects, names: Names) -> None:
    """Assigns a pseudonym to every object: nodes and Services first, then objects that are named after them."""
    for node in objects.nodes():
        names.give_host(node.name, "node")
    for node in objects.nodes():
        for host in (node.labels.get("kubernetes.io/hostname", ""), *_hosts(node.raw)):
            if host and names.of(host) is None:
                names.give_host(host, "node")
    every = [(resource, obj) for resource, found in sorted(objects.resources.items()) for obj in found]
    looked_into = {need.namespace for need in pipeline.NEEDS}
    for space in sorted({namespace(obj) for _, obj in every}):
        if space not in looked_into:  # equal in every cluster
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
    """An object named after a node or a Service keeps that form: `kubevip-web`, `kube-proxy-worker-1`."""
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
    """Whether it consists of known words without a number, which could be part of an address."""
    return is_known(text) and not any(word.isdecimal() for word in re.split(r"\W|_", text))


def redacted(objects: Objects, strings: Strings, names: Names) -> Objects:
    return Objects(
        resources={
            resource: tuple(_object(obj, resource, strings) for obj in found)
            for resource, found in objects.resources.items()
        },
        gaps=tuple(_gap(gap, strings) for gap in objects.gaps),
        context=names.of(objects.context) if objects.context else None,
        kubeconfig=names.of(objects.kubeconfig) if objects.kubeconfig else None,
        version=strings.value(objects.version) if objects.version else None,
        read_at=objects.read_at,
        server_ahead=objects.server_ahead,
    )


def _gap(gap: Gap, strings: Strings) -> Gap:
    return Gap(what=gap.what, why=strings.value(gap.why), costs=strings.sentence(gap.costs))


def _object(obj: Object, resource: str, strings: Strings) -> Object:
    """The kind stays if it fits the resource; in a file it may be any text."""
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


# ------------------------------------------------------------------------------------------------------------------ Strings

DEPTH = 60
LONGEST = 1024
"""Maximum characters of a word that may be named after something; a host name has 253."""

OCTETS = r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}"
IPV4 = re.compile(OCTETS + r"(?:/\d{1,2})?(?![\w.]*\w)")
MAC = re.compile(
    r"(?<![\w:.-])(?:[0-9a-fA-F]{1,2}[:-]){5}[0-9a-fA-F]{1,2}(?![\w:-])"
    r"|(?<![\w.])(?:[0-9a-fA-F]{4}\.){2}[0-9a-fA-F]{4}(?![\w.])"
)
IPV6 = re.compile(r"(?<![\w:.])(?=[^\s/]{0,64}:[^\s/]{0,64}:)[0-9a-fA-F:]{2,}(?:[0-9.]{7,15})?(?:/\d{1,3})?(?![\w:])")

_MAC_WITHIN = re.compile(r"(?:[0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}")
_SIX_WITHIN = re.compile(r"[0-9a-fA-F]{1,4}:(?:[0-9a-fA-F]{0,4}:)+[0-9a-fA-F]{1,4}")
_WITHIN = re.compile(r"(?:\d{1,3}[._-]){3}\d{1,3}|(?:[0-9a-fA-F]{1,2}[:_-]){5}[0-9a-fA-F]{1,2}|" + _SIX_WITHIN.pattern)
"""An address or a MAC address within another word, whose parts alone would be numbers; cloud hosts are called
`ip-10-0-0-50`."""
_SIX_AND_PORT = re.compile(r"\[(?P<six>[0-9a-fA-F:.]+)\](?P<port>:\d{1,5})")
_SEPARATORS = ",;|=/@#:"
"""The colon is last, because it also separates ports and the parts of MAC addresses."""

_NUMBER = re.compile(r"[+-]?\d{1,9}(\.\d{1,9})?(m?s|m|h|[KMGT]i?|%)?")
_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?)?")
_VERSION_NUMBER = re.compile(r"(v?\d{1,4}(\.\d{1,6}){1,2})([+-][\w.+-]*)?")
_DISTRIBUTION = re.compile(r"[+-](k3s\d*|rke2r\d*|eks-[0-9a-f]{1,12}|gke\.\d+|k0s(\.\d+)?)")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_OPTION = re.compile(r"(?P<dashes>--?)(?P<name>[A-Za-z][A-Za-z0-9-]*)")
_SHELL = re.compile(r"\$[({]?[A-Z_]+[)}]?")
_LEFT, _RIGHT = "\"'([{<,;:!.", "\"')]}>,;:!."
_QUOTED = re.compile(r'"(?P<core>[^"]+)"')


class Strings:
    def __init__(self, names: Names, addresses: Addresses, macs: Macs) -> None:
        self._names, self._addresses, self._macs = names, addresses, macs
        self._made: dict[str, str] = {}
        self._tokens: dict[str, str] = {}

    def value(self, text: str, *, name: bool = False) -> str:
        """Redacts a string. `name`: it can only be a name."""
        if name and (found := self._names.of(text)) is not None:
            return found
        if (found := self._names.of_text(text)) is not None:
            return found
        if text[:1] in ("{", "[") and (found := self._json(text)) is not None:
            return found
        return "".join(self._words(re.split(r"(\s+)", text)))

    def sentence(self, text: str) -> str:
        """Redacts a sentence of arpcheck itself: its words stay, names in it do not."""
        for pattern, how in ((MAC, self._mac), (IPV4, self._ipv4), (IPV6, self._ipv6)):
            text = pattern.sub(lambda match, how=how: how(match[0]) or match[0], text)  # type: ignore[misc]
        return "".join(self._in_sentence(part) for part in re.split(r"(\s+)", text))

    def opaque(self, text: str) -> str:
        """Replaces an unknown text; equal texts get equal words."""
        return self._made.setdefault(text, f"text-{len(self._made) + 1}")

    def table(self) -> dict[str, str]:
        return dict(self._made)

    def _words(self, parts: Iterable[str]) -> Iterator[str]:
        """A quoted word after `node` is always a name (MetalLB's events)."""
        before = ""
        for part in parts:
            if not part or part.isspace():
                yield part
                continue
            quoted = _QUOTED.fullmatch(part) if before == "node" else None
            known = self._names.of(quoted["core"]) if quoted else None
            yield f'"{known}"' if known else self.token(part)
            before = part

    def number(self, number: int) -> int | str:
        """The number, unless it is a replaced address."""
        return self.opaque(str(number)) if self._addresses.is_real(number) else number

    def token(self, text: str) -> str:
        """Redacts a word without blanks."""
        if text not in self._tokens:
            self._tokens[text] = self._token(text, 0)
        return self._tokens[text]

    def _token(self, text: str, depth: int) -> str:
        spelt = (self._mac, self._ipv4, self._range, self._ipv6, self._six_and_port, self._uuid)
        for known in (self._names.of_text, *spelt, self._plain):
            if (found := known(text)) is not None:
                return found
        return self._apart(text, depth) if depth < DEPTH else self.opaque(text)

    def _plain(self, text: str) -> str | None:
        if _NUMBER.fullmatch(text):
            return str(self.number(int(text))) if text.isdecimal() else text
        if _TIME.fullmatch(text) or _SHELL.fullmatch(text) or not re.search(r"\w", text):
            return text
        if version := _VERSION_NUMBER.fullmatch(text):
            return version[1] + (version[3] if _DISTRIBUTION.fullmatch(version[3] or "") else "")
        return text if is_known(text) and not _WITHIN.search(text) else None

    def _apart(self, text: str, depth: int) -> str:
        left, core, right = _edges(text)
        if core and core != text:
            return left + self._token(core, depth + 1) + right
        for separator in _SEPARATORS:
            if separator in text and not (separator == ":" and (_MAC_WITHIN.search(text) or _SIX_WITHIN.search(text))):
                return separator.join(self._part(part, depth) for part in text.split(separator))
        if option := _OPTION.fullmatch(text):
            return option["dashes"] + self._token(option["name"], depth + 1)
        if "." in text and not _WITHIN.search(text):
            return ".".join(self._part(part, depth) for part in text.split("."))
        return self._called_after(text) or self.opaque(text)

    def _called_after(self, text: str) -> str | None:
        """A word like `lb-svc-web`: known words followed by a name."""
        words = text.split("-") if len(text) <= LONGEST else []
        for at in range(1, len(words)):
            head, rest = "-".join(words[:at]), "-".join(words[at:])
            if is_known(head) and (found := self._names.of(rest)) is not None:
                return f"{head}-{found}"
        return None

    def _part(self, text: str, depth: int) -> str:
        return self._token(text, depth + 1) if text else ""

    def _in_sentence(self, text: str) -> str:
        left, core, right = _edges(text)
        if not core:
            return text
        found = self._names.of_text(core)
        if found is None:
            found = "".join(self._names.of_text(part) or part for part in re.split(r"([/:=,])", core))
        return left + found + right

    # ------------------------------------------------------------------------------------------------ addresses

    def _mac(self, text: str) -> str | None:
        try:
            return str(self._macs.mac(Mac(text)))
        except ValueError:
            return None

    def _ipv4(self, text: str) -> str | None:
        try:
            return self._addresses.interface(text) if "/" in text else str(self._addresses.address(IPv4Address(text)))
        except ValueError:
            return None

    def _range(self, text: str) -> str | None:
        first, dash, last = text.partition("-")
        if not dash:
            return None
        ends = [self._ipv4(end.strip()) or self._ipv6(end.strip()) for end in (first, last)]
        return "-".join(end for end in ends if end) if all(ends) else None

    def _ipv6(self, text: str) -> str | None:
        if ":" not in text:
            return None
        try:
            IPv6Interface(text)
        except ValueError:
            return None
        return self._addresses.six(text)

    def _six_and_port(self, text: str) -> str | None:
        found = _SIX_AND_PORT.fullmatch(text)
        six = self._ipv6(found["six"]) if found else None
        return f"[{six}]{found['port']}" if found and six else None

    def _uuid(self, text: str) -> str | None:
        if not _UUID.fullmatch(text):
            return None
        number = int(self.opaque(text).rpartition("-")[2])
        return f"00000000-0000-4000-8000-{number:012x}"

    # ----------------------------------------------------------------------------------------------------- JSON

    def _json(self, text: str) -> str | None:
        try:
            return json.dumps(rewritten(json.loads(text), self.value))
        except (ValueError, RecursionError):
            return None


def _edges(text: str) -> tuple[str, str, str]:
    """Splits a word into leading signs, core and trailing signs."""
    behind = text.lstrip(_LEFT)
    core = behind.rstrip(_RIGHT)
    return text[: len(text) - len(behind)], core, behind[len(core) :]


def rewritten(value: Any, how: Callable[[str], str]) -> Any:
    """Applies `how` to every string in a JSON value, including keys."""
    match value:
        case dict():
            return {how(str(key)): rewritten(entry, how) for key, entry in value.items()}
        case list() | tuple():
            return [rewritten(entry, how) for entry in value]
        case str():
            return how(value)
        case _:
            return value


def ipv4_in(text: str) -> list[IPv4Interface]:
    """All addresses and networks in a text."""
    return [found for match in IPV4.findall(text) if (found := _parsed_interface(match))]


def _parsed_interface(text: str) -> IPv4Interface | None:
    try:
        return IPv4Interface(text)
    except ValueError:
        return None
