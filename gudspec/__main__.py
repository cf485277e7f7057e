"""`python -m gudspec`."""

from gudspec.cli.main import main

main()
