"""Collections shown in a browser on the machine of the person who looks; nothing runs in the cloud for it."""
