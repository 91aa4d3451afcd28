"""`python -m export.web`."""

from export.web import main

if __name__ == "__main__":
    main()
