"""The board: a web page on this machine to choose, vote, write, watch and pack."""
