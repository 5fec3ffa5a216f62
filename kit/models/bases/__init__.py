"""Which bases there are: how they are named, and what their folders say of themselves."""
