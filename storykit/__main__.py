"""`python -m storykit`."""

from storykit.cli.main import main

main()
