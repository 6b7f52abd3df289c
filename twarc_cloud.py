"""Door for the person."""

import sys

from harvester.commands import run
from harvester.commands.operator import operator

if __name__ == "__main__":
    sys.exit(run(operator))
