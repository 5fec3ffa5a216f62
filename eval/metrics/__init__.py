"""The metrics, their formulas, and what a story says that they are held against."""
