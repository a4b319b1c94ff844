"""`python -m hilum`: the command line, where the script `hilum` is not on the path."""

from hilum.cli import main

if __name__ == "__main__":
    main()
