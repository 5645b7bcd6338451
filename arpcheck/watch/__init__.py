"""Pure: one address after the other, question by question: who answers, since when, and what changed.

Told what was asked and heard, with times in seconds on one clock, it says a line at each change and a timeline at the
end. Knows no wire and no rule of `judge`; the verdicts come from the probes in between."""

from arpcheck.watch.timeline import AddressTimeline, ResponderChange
from arpcheck.watch.watcher import SETTLES, Watch

__all__ = ["SETTLES", "AddressTimeline", "ResponderChange", "Watch"]
