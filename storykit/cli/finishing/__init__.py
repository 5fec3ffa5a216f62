"""Commands that work on chosen pictures: finals of drafts, repairs."""
