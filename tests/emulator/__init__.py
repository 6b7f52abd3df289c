"""The emulator answers as the network does."""
