"""The stage that verifies: files, manifest, rules."""
