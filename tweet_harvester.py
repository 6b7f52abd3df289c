"""Door for the container."""

from harvester.startup import enter

if __name__ == "__main__":
    enter("container")
