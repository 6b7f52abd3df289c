"""Door for the container."""

import sys

from harvester.commands import run
from harvester.commands.container import container

if __name__ == "__main__":
    sys.exit(run(container))
