"""Run the command line from a checkout: `python cli.py derive cross_entropy`."""

from tensorcalc.cli import main

if __name__ == "__main__":
    main()
