"""One function per endpoint: a Call in, an Answer out or a Refusal raised."""
