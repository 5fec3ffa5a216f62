"""Drawing a bundle's panels again."""
