"""What was read of a store, in one file on this machine: files, names, states, days and tags."""
