"""Replaces names, addresses and MAC addresses in an evidence without changing its verdicts.

`pseudonyms` assigns replacements, `objects` applies them to Kubernetes objects and strings, `evidence` to the rest, and
verifies the result. `vocabulary` lists the words that stay."""
