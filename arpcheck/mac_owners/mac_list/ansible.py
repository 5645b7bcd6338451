"""Ansible's host facts: the stdout of `ansible -m setup`, a file of `--tree` or of its fact cache."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from arpcheck.mac_owners.mac_list.json_blocks import host_of, is_unreached
from arpcheck.mac_owners.mac_list.source import Blank, ListedNic, ListFormat, MacListText, Row, listed
from arpcheck.model import MacListFormat
from arpcheck.objects import at, text


def _is_ansible(source: MacListText) -> bool:
    return any(facts or is_unreached(value) for _, value, facts in _ansible_hosts(source))


def _read_ansible(source: MacListText) -> Iterable[Row]:
    yield from listed(source, _nics_of_facts(source))
    for host, value, facts in _ansible_hosts(source):
        if not facts and is_unreached(value):
            yield Blank(f"{host} (not reached)")


def _nics_of_facts(source: MacListText) -> Iterator[ListedNic]:
    number = 0
    for host, _, facts in _ansible_hosts(source):
        node = text(facts, "ansible_nodename") or text(facts, "ansible_hostname") or host
        for fact in (facts or {}).values():
            if text(fact, "device"):
                for mac in dict.fromkeys(str(at(fact, key)) for key in ("macaddress", "perm_macaddress") if at(fact, key)):
                    number += 1
                    yield ListedNic(f"entry {number}", node, text(fact, "device"), mac)


def _ansible_hosts(source: MacListText) -> Sequence[tuple[str, Any, Mapping[str, Any] | None]]:
    """Name, value and facts of each host. A file of one host has the facts at its top."""
    found: list[tuple[str, Any]] = []
    for block in source.blocks:
        if _facts(block.value) or is_unreached(block.value):
            found.append((host_of(block.heading) or source.stem, block.value))
        elif isinstance(block.value, Mapping):
            found += block.value.items()
    return [(host, value, _facts(value)) for host, value in found]


def _facts(value: Any) -> Mapping[str, Any] | None:
    facts = at(value, "ansible_facts") or value
    return facts if isinstance(facts, Mapping) and "ansible_interfaces" in facts else None


ANSIBLE = ListFormat(format=MacListFormat.ANSIBLE, called="Ansible's facts", recognises=_is_ansible, read=_read_ansible)
