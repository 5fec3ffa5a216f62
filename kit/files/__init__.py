"""Files read with every fault named, written whole or not at all, and known by their checksums."""
