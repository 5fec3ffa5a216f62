"""Commands of two words, a file a group."""
