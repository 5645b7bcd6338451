"""The rules: `verdicts` judge one address, `findings` the whole run, `summary` gives the exit code. Pure.

They read what the other stages put together and know none of them."""
