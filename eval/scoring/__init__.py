"""The stage that scores, and the records it writes."""
