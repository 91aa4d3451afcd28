"""`keras-action studio`."""

from . import main

if __name__ == "__main__":
    main()
