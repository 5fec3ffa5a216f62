"""How the embedded base was trained; not in the wheel."""
