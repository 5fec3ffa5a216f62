"""Where Kolors' weights lie on a disk: in whose folders, under whose names, in one file or in shards."""
