"""Charts as SVG text, made from values: no script, printable, and with a title for each mark."""
