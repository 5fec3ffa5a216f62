"""Changed copies of a dataset's pictures: mirrored, cropped, turned, recoloured."""
