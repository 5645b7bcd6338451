"""Follows each address request by request: who replies, since when, and what changed.

Reports each change in one line, and a timeline at the end. Times are seconds on one clock. The verdicts come from the probes
in between."""

from arpcheck.watch.timeline import AddressTimeline, ResponderChange
from arpcheck.watch.watcher import SETTLES, Watch, WatchedAddress, WatchedSpan, WatchRecord

__all__ = ["SETTLES", "AddressTimeline", "ResponderChange", "Watch", "WatchRecord", "WatchedAddress", "WatchedSpan"]
