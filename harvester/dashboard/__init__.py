"""Collections shown in a browser of this machine; nothing runs in the cloud for it."""
