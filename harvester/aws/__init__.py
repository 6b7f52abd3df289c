"""AWS is reached through one session; its errors and stop reasons become words."""
