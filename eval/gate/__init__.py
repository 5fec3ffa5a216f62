"""The contest's gate: what its script says of a folder of pictures, and what it does not say."""
