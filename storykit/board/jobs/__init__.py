"""Commands that the board starts, watches and stops, each a process of its own."""
