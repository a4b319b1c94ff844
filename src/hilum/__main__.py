"""Command line as `python -m hilum`, for use without the script `hilum`."""

from hilum.cli import main

if __name__ == "__main__":
    main()
