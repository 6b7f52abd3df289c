"""One session for AWS; its errors and stop reasons are translated into messages."""
