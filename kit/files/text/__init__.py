"""Text that others wrote: its encoding, its rows, its YAML."""
