"""The metrics held against known damage."""
