"""Pictures that panels of Kolors are drawn after, read by an IP-Adapter beside the words."""
