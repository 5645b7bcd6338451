"""The commands, one file each: the options, and what the command does with the cluster, the network and its output.

`app` lists them and loads the file of the one that is called; `options`, `opening`, `output`, `input_files`, `bundle` and
`log` are shared."""
