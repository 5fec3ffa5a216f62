"""Kolors at work: its networks in memory, the UNet as it draws, what is compiled of it, and the painter."""
