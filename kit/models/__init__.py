"""A base's networks and weights, as they are published and as they are embedded."""
