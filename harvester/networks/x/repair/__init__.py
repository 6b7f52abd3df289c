"""What X's search can find of what a stream of X missed, and pages without what is stored already."""
