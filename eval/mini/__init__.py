"""The embedded encoder and aesthetic head, trained on the drawn world."""
