"""The experiment and the stories that `storykit demo` runs."""
