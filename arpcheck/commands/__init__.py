"""What a command does, one module each: it reads the world, hands it to the pipeline and writes what comes out.

The command line (`cli`) only turns arguments into a call here and the result into an exit code."""
