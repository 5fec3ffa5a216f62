"""How panels are drawn: the settings, and what they are by default for a base."""
