"""What people have of a story, read into eight rows: lines, tables, lists, notebooks."""
