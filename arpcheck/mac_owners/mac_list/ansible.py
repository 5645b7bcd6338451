"""Ansible's facts: what `setup --tree` or the fact cache writes for a host, what `ansible -m setup` prints for all, or
`{host: facts}`.

The node is `ansible_nodename`, else `ansible_hostname`, else the host's name or the file's (ansible:
lib/ansible/module_utils/facts/network/linux.py). A host that was not reached has no facts, and is passed over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from arpcheck.mac_owners.mac_list.blocks import host_of, is_unreached
from arpcheck.mac_owners.mac_list.source import Blank, Nic, Row, Source, listed
from arpcheck.model import MacListFormat
from arpcheck.objects import at, text

FORMAT = MacListFormat.ANSIBLE


def recognises(source: Source) -> bool:
    return any(facts or is_unreached(value) for _, value, facts in _hosts(source))


def read(source: Source) -> Iterable[Row]:
    yield from listed(source, _nics(source), FORMAT)
    for name, value, facts in _hosts(source):
        if not facts and is_unreached(value):
            yield Blank(f"{name} (not reached)")


def _nics(source: Source) -> Iterator[Nic]:
    number = 0
    for name, _, facts in _hosts(source):
        node = text(facts, "ansible_nodename") or text(facts, "ansible_hostname") or name
        for fact in (facts or {}).values():
            if text(fact, "device"):
                for mac in dict.fromkeys(str(at(fact, key)) for key in ("macaddress", "perm_macaddress") if at(fact, key)):
                    number += 1
                    yield Nic(f"entry {number}", node, text(fact, "device"), mac)


def _hosts(source: Source) -> Sequence[tuple[str, Any, Mapping[str, Any] | None]]:
    """Every host's name, what stands there of it, and the facts in that; a file of one host has them at its top."""
    found: list[tuple[str, Any]] = []
    for block in source.blocks:
        if _facts(block.value) or is_unreached(block.value):
            found.append((host_of(block.heading) or source.stem, block.value))
        elif isinstance(block.value, Mapping):
            found += block.value.items()
    return [(name, value, _facts(value)) for name, value in found]


def _facts(value: Any) -> Mapping[str, Any] | None:
    facts = at(value, "ansible_facts") or value
    return facts if isinstance(facts, Mapping) and "ansible_interfaces" in facts else None
