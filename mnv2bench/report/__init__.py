"""What all pages share: cells, tables, rows, pictures; and the pages about networks."""
