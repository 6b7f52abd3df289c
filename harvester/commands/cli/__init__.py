"""Parts that all commands share: options, output, progress, the workspace and the log."""
