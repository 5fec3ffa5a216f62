"""What `storykit doctor` looks at: the machine, and whether storykit finds there what it needs."""
