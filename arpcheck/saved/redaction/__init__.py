"""Takes names, addresses and MACs out of an evidence, so that what is judged stays as it was.

`gathering` finds what must not be left, `names`, `addresses` and `macs` say what stands in its place, `strings` writes
it into objects, `evidence` into everything else, `search` looks whether anything is left. Pure."""
