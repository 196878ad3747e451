"""unlock: opens backups, holds their keys in memory, and serves what is inside."""
