"""``python -m gateway.cli`` is ``keepsake``."""

from gateway.cli.main import main

if __name__ == "__main__":
    main()
