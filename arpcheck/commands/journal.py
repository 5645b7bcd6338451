"""What a change has done so far and what it has not: whoever is interrupted, or meets an error half way, is told."""

from __future__ import annotations

from dataclasses import dataclass, field


class StoppedError(Exception):
    """The user stopped it, between two steps."""


@dataclass(slots=True)
class Journal:
    """Steps in their order."""

    left: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def plan(self, *steps: str) -> None:
        self.left += steps

    def tick(self, note: str = "") -> None:
        """The first step that is left has been done."""
        self.done.append(f"{self.left.pop(0)}{note}")

    def __str__(self) -> str:
        if not self.done:
            return "nothing was changed"
        not_done = f". Not done: {'; '.join(self.left)}. Run it again: it goes on from there" if self.left else ""
        return f"done: {'; '.join(self.done)}{not_done}"
