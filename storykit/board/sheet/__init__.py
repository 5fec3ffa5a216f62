"""The sheet of a run: every picture drawn, to look at, pick and ban."""
