"""What commands share: options, output, progress, the workspace and the log."""
