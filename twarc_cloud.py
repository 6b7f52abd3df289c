"""Door for the person."""

from harvester.startup import enter

if __name__ == "__main__":
    enter("person")
