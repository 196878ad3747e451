"""Ways to start and show Keepsake; nothing here is imported by a service."""
