"""Cut tables into rows: headers, preambles, cells, order."""
