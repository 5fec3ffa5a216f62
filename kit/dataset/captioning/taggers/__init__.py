"""Taggers: what is in a picture as tags of Danbooru."""
