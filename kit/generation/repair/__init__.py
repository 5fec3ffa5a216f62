"""Drawing a part of a picture again: what is kept, which part it is, and how it is put back."""
