"""A TOML table that is read strictly: every key once, every value of its type, nothing left over.

Each fault is an InputError with the place of it, `FILE: nodes.worker-1.ipvs: …`. Knows no scene."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import Any, NoReturn, TypeVar

from arpcheck.errors import InputError

Made = TypeVar("Made")
Other = TypeVar("Other")
Word = TypeVar("Word", bound=StrEnum)

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


class Table:
    """Values are taken out one by one; `done` refuses what is left."""

    def __init__(self, where: str, values: Mapping[str, Any]) -> None:
        self.where = where
        """What stands before a key in an error."""
        self._left = dict(values)

    def __contains__(self, key: str) -> bool:
        return key in self._left

    def __iter__(self) -> Iterator[str]:
        """The keys that are left; taking them out meanwhile does no harm."""
        return iter(tuple(self._left))

    def fault(self, key: str, message: str) -> NoReturn:
        """`key`: empty where the table itself is at fault."""
        raise InputError(f"{self.where}{key}".removesuffix(".") + f": {message}")

    def done(self) -> None:
        if self._left:
            self.fault(min(self._left), "no such key")

    def text(self, key: str, default: str | None = None) -> str:
        return str(self._take(key, str, default))

    def integer(self, key: str, default: int | None = None) -> int:
        return int(self._take(key, int, default))

    def flag(self, key: str, default: bool) -> bool:
        return bool(self._take(key, bool, default))

    def seconds(self, key: str, default: float) -> float:
        """From `700ms`, `1.5s`, `10m`, `2h`, `30d`."""
        if key not in self:
            return default
        if not (match := _DURATION.fullmatch(self.text(key))):
            self.fault(key, f"a duration expected, like 700ms, 1.5s or 2h; units {', '.join(_UNITS)}")
        return float(match[1]) * _UNITS[match[2]]

    def word(self, key: str, kind: type[Word], default: Word | None = None) -> Word:
        value = self.text(key, default)
        if value not in set(kind):
            self.fault(key, f"{value!r} is none of {', '.join(sorted(kind))}")
        return kind(value)

    def made(self, key: str, make: Callable[[str], Made], default: Other) -> Made | Other:
        """What `make` makes of the text; its ValueError is the fault."""
        return self.parsed(key, make, self.text(key)) if key in self else default

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, or one text alone; empty where the key is missing."""
        value = self._take(key, (list, str), [])
        found = [value] if isinstance(value, str) else value
        if not all(isinstance(part, str) for part in found):
            self.fault(key, "a list of texts expected")
        return tuple(found)

    def all_made(self, key: str, make: Callable[[str], Made]) -> tuple[Made, ...]:
        return tuple(self.parsed(key, make, text) for text in self.texts(key))

    def holds_list(self, key: str) -> bool:
        return isinstance(self._left.get(key), list)

    def integers(self, key: str) -> tuple[int, ...]:
        value = self._take(key, list, [])
        if not all(type(part) is int for part in value):
            self.fault(key, "a list of whole numbers expected")
        return tuple(value)

    def table(self, key: str) -> Table:
        """Empty where the key is missing."""
        return Table(f"{self.where}{key}.", self._take(key, dict, {}))

    def tables(self, key: str) -> tuple[Table, ...]:
        value = self._take(key, list, [])
        if not all(isinstance(part, dict) for part in value):
            self.fault(key, "a list of tables expected")
        return tuple(Table(f"{self.where}{key}[{number}].", part) for number, part in enumerate(value, 1))

    def mapping(self, key: str, kind: type[Made]) -> dict[str, Made]:
        """A table whose values are all of one type."""
        return self.table(key).all_of(kind)

    def all_of(self, kind: type[Made]) -> dict[str, Made]:
        """All that is left, all of one type."""
        return {key: self._take(key, kind, None) for key in self}

    def parsed(self, key: str, make: Callable[[str], Made], text: str) -> Made:
        try:
            return make(text)
        except ValueError as error:
            self.fault(key, str(error))

    def _take(self, key: str, kind: type | tuple[type, ...], default: Any) -> Any:
        if key not in self._left:
            if default is None:
                self.fault(key, "missing")
            return default
        value = self._left.pop(key)
        kinds = kind if isinstance(kind, tuple) else (kind,)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            self.fault(key, f"{' or '.join(k.__name__ for k in kinds)} expected, not {type(value).__name__}")
        return value
