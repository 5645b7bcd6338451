"""What a terminal shows of 1, 40 and 500 addresses at 80, 100 and 160 columns, with its colours.

A file for each size is enough for a light and for a dark terminal: the escape codes are the same, since they name fixed
colours that can be read on black and on white (`test_report_terminal.py` computes their contrast). `less -R` shows one."""

from report_crowds import crowd

from arpcheck.reports import Style, render

CLUSTERS = {1: (3, 1), 40: (6, 2), 500: (40, 3)}
"""The nodes of each, and how many of them are without strict ARP."""
TERMINALS = [(addresses, width) for addresses in CLUSTERS for width in (80, 100, 160)]


def terminal(addresses: int, width: int, *, colour: bool = True) -> str:
    return render(crowd(addresses, *CLUSTERS[addresses]), "table", Style(colour=colour, width=width))
