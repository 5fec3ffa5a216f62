"""Commands before the first picture: a new folder, what this machine can do, what drawing takes."""
