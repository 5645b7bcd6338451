"""The rules: `verdicts` judges one address, `findings` the whole run, `summary` gives the exit code."""
