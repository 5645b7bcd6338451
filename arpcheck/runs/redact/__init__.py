"""Takes names, addresses and MACs out of an evidence, so that what is judged stays as it was.

`pseudonyms` says what stands for what, `strings` and `objects` write it into objects, `evidence` into everything else, and
`checks` looks whether anything is left or judged otherwise. `vocabulary` has the words that stay."""
