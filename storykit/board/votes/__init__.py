"""Blind votes on the board: what is voted on, the voting itself, what came out."""
