"""What all commands share of the terminal: output, progress, help, and words for a wrong command line."""
