"""How the embedded captioner is made: renders, training, file."""
