"""The search: how good sets are, bounds, branch and bound."""
