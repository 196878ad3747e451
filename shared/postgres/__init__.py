"""The database as every service uses it: one pool, one migration runner, locks, provisioning."""

from shared.postgres.locks import LockLostError, singleton
from shared.postgres.migrate import MigrationError, migrate
from shared.postgres.pool import connect, create_pool
from shared.postgres.provision import ProvisionError, provision

__all__ = [
    "LockLostError",
    "MigrationError",
    "ProvisionError",
    "connect",
    "create_pool",
    "migrate",
    "provision",
    "singleton",
]
