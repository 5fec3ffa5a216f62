"""The places of the drawn world."""
