"""The stage that ranks bundles."""
