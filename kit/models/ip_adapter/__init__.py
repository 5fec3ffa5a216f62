"""IP-Adapters of Kolors: their files, and the networks that make tokens of a picture."""
