"""The independent services. None imports another; they talk over the bus."""
