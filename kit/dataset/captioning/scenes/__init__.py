"""The embedded captioner: what is in a picture of the drawn world, as the world's own words tell it."""
