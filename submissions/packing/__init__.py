"""The stage that packs a run into a bundle."""
