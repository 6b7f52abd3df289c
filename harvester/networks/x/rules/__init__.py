"""Rules as data: what a collection asks a stream for, and the live rules that the app has at X for it."""
