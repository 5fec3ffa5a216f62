"""The figures of the drawn world."""
