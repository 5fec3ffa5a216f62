"""The drawn world: scenes whose truth is known, their pictures, masks and captions."""
