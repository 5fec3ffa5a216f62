"""`storykit`, and `python -m storykit`."""

import sys


def main() -> None:
    """Run the command; ctrl-c while it is still being read ends it in one line, as it does later."""
    try:
        from storykit.cli.main import main as command
    except KeyboardInterrupt:
        from kit.messages import tr

        sys.stderr.write(
            tr("Error: {reason}", reason=tr("stopped; every file that is finished stays")) + "\n"
        )
        sys.exit(1)
    command()


if __name__ == "__main__":
    main()
