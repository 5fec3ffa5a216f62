"""Captioning a dataset: who writes the words, how they become a caption, and the files that hold them."""
