"""Names by pseudonyms: `node-1`, `service-3`, `namespace-2`. One text has one pseudonym, whatever bears it.

A name that is one plain word of the vocabulary (a Service called `node`) stands for itself wherever that word may be
meant, and is replaced only where nothing but a name can be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from arpcheck.saved.redaction.vocabulary import is_known

WELL_KNOWN = frozenset({"default", "kube-system", "kube-public", "kube-node-lease", "kubernetes", "kube-dns", "in-cluster"})
"""The same in every cluster, and looked for by name."""


class Names:
    def __init__(self, taken: Iterable[str] = ()) -> None:
        """`taken`: real names, none of which a pseudonym may be."""
        self._taken = {name.lower() for name in taken}
        self._count: Counter[str] = Counter()
        self._given: dict[str, str] = {}
        self._spelt: dict[str, str] = {}

    def give(self, name: str, role: str) -> str:
        """The pseudonym of a name, made where it has none yet."""
        if not name or name in WELL_KNOWN:
            return name
        if name.lower() not in self._given:
            self.put(name, self._next(role))
        return self._given[name.lower()]

    def give_host(self, name: str, role: str) -> str:
        """The first label of a host's name and its domain apart: a file may know it by its first label alone."""
        label, dot, domain = name.partition(".")
        if not dot:
            return self.give(name, role)
        self.put(name, f"{self.give(label, role)}.{self.give(domain, 'domain')}")
        return self._given[name.lower()]

    def put(self, name: str, pseudonym: str) -> None:
        """A name whose pseudonym is made of others."""
        self._given.setdefault(name.lower(), pseudonym)
        self._spelt.setdefault(name.lower(), name)

    def of(self, name: str) -> str | None:
        """The pseudonym of what can be nothing but a name; None: it has none."""
        return name if name in WELL_KNOWN else self._given.get(name.lower())

    def of_text(self, text: str) -> str | None:
        """The same where a plain word may be meant."""
        return None if text.isalnum() and is_known(text) else self.of(text)

    def table(self) -> dict[str, str]:
        pairs = ((self._spelt[name], pseudonym) for name, pseudonym in self._given.items())
        return {name: pseudonym for name, pseudonym in pairs if name != pseudonym}

    def _next(self, role: str) -> str:
        while True:
            self._count[role] += 1
            found = f"{role}-{self._count[role]}"
            if found not in self._taken:
                return found
