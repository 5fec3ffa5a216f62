"""What in the words of a story lets its hero drift from panel to panel, and what to write instead."""
