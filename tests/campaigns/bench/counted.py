"""Work, counted."""

import gc
import sys
from collections import Counter


def calls(work):
    """How many functions `work` calls, in Python and in C."""
    counted: Counter[str] = Counter()
    gc.disable()
    sys.setprofile(lambda _frame, event, _arg: counted.update((event,)))
    try:
        work()
    finally:
        sys.setprofile(None)
        gc.enable()
    return counted["call"] + counted["c_call"]
