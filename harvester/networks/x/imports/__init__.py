"""Rules of other programs become rules of a collection, and each row that was read is accounted for."""
