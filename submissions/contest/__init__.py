"""The rules of contests, as data."""
