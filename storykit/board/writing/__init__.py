"""The pages on which a story and an experiment are written."""
