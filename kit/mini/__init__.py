"""The embedded base: Kolors' network classes in a small size, trained on the drawn world."""
