"""python -m mnv2bench."""

from mnv2bench.cli import main

main()
