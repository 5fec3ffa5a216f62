"""Preparing a dataset: sources, filters, and the folder that training reads."""
