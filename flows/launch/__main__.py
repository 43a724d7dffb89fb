"""`python -m flows.launch CANDIDATE`: the command `launchgate launch`."""

import sys

from flows.cli import main

main(["launch", *sys.argv[1:]])
