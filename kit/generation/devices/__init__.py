"""What draws: the memory of a device, several of them, and the kind of processor."""
