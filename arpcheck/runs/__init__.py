"""What is done with runs that were saved: two are compared, several become one, names are taken out.

Pure: everything is in the evidence, and what is made of it is evidence or a noun again. Knows no file."""
