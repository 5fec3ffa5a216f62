"""Pictures made larger or cleaner by networks that the user has, or by the embedded one."""
