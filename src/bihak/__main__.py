"""`python -m bihak` is the `bihak` command."""

from bihak.cli import main

if __name__ == "__main__":
    main(prog_name="bihak")
