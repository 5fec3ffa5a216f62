"""The stage that casts: a seed for each panel."""
