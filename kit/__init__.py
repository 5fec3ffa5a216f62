"""What a story is and how it is drawn."""
