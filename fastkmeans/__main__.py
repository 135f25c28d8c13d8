"""`python -m fastkmeans`: the command line."""

from fastkmeans.cli import main

if __name__ == "__main__":
    main(prog_name="fastkmeans")
