"""The database as every service uses it: one pool, one migration runner, locks, provisioning."""

from shared.postgres.away import AWAY, FAILED, is_away, is_full
from shared.postgres.locks import LockLostError, singleton
from shared.postgres.migrate import MigrationError, migrate
from shared.postgres.pool import connect, create_pool
from shared.postgres.probe import probe
from shared.postgres.provision import READER, ProvisionError, provision

__all__ = [
    "AWAY",
    "FAILED",
    "READER",
    "LockLostError",
    "MigrationError",
    "ProvisionError",
    "connect",
    "create_pool",
    "is_away",
    "is_full",
    "migrate",
    "probe",
    "provision",
    "singleton",
]
