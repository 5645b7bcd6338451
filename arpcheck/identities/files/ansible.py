"""Ansible's facts: what `setup --tree` or the fact cache writes for a host, or `{host: facts}` for several.

The node is `ansible_nodename`, else `ansible_hostname`, else the host's name or the file's (ansible:
lib/ansible/module_utils/facts/network/linux.py)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from arpcheck.evidence import MacEntry
from arpcheck.identities.files.source import Nic, Source, listed
from arpcheck.model import MacListFormat
from arpcheck.objects import at, text

FORMAT = MacListFormat.ANSIBLE


def recognises(source: Source) -> bool:
    return bool(_hosts(source))


def read(source: Source) -> Iterable[MacEntry]:
    return listed(source, _nics(source), FORMAT)


def _nics(source: Source) -> Iterator[Nic]:
    number = 0
    for name, facts in _hosts(source):
        node = text(facts, "ansible_nodename") or text(facts, "ansible_hostname") or name
        for fact in facts.values():
            if text(fact, "device"):
                for mac in dict.fromkeys(str(at(fact, key)) for key in ("macaddress", "perm_macaddress") if at(fact, key)):
                    number += 1
                    yield Nic(f"entry {number}", node, text(fact, "device"), mac)


def _hosts(source: Source) -> Sequence[tuple[str, Mapping[str, Any]]]:
    """Every host's facts; a file of one host has them at its top."""
    if not isinstance(source.json, Mapping):
        return ()
    top = _facts(source.json)
    found = [(source.stem, top)] if top else [(name, _facts(value)) for name, value in source.json.items()]
    return [(name, facts) for name, facts in found if facts]


def _facts(value: Any) -> Mapping[str, Any] | None:
    facts = at(value, "ansible_facts") or value
    return facts if isinstance(facts, Mapping) and "ansible_interfaces" in facts else None
