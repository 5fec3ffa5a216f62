"""Drawing more pictures where they raise the set that is cast."""
