"""What is stored of a collection is read in order: closed segments, then the synced part of the open one."""
