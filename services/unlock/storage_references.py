"""SQL of the references to passphrases, and of what they did not open."""

from __future__ import annotations

import datetime as dt

from services.unlock.storage import Connection, Pool
from shared.contracts.identifiers import Udid
from shared.contracts.passphrase_references import PassphraseReference


async def record_reference(connection: Connection, udid: Udid, reference: str | None) -> bool:
    """Keep or forget a reference, and what the one before did not open; False if none was there."""
    found = await connection.fetchval(
        "delete from passphrase_reference where udid = $1 returning udid", udid
    )
    if reference is None:
        return found is not None
    await connection.execute(
        "insert into passphrase_reference (udid, reference) values ($1, $2)", udid, reference
    )
    return True


async def find_reference(pool: Pool, udid: Udid) -> str | None:
    """Return the reference of a device, or None."""
    found: str | None = await pool.fetchval(
        "select reference from passphrase_reference where udid = $1", udid
    )
    return found


async def fetch_references(pool: Pool) -> list[PassphraseReference]:
    """Return which devices have a reference; only its scheme leaves this house."""
    rows = await pool.fetch(
        "select udid, split_part(reference, ':', 1) as scheme, set_at"
        " from passphrase_reference order by udid"
    )
    return [
        PassphraseReference(udid=Udid(row["udid"]), scheme=row["scheme"], set_at=row["set_at"])
        for row in rows
    ]


async def was_refused(pool: Pool, udid: Udid, keybag: str, *, within: dt.timedelta) -> bool:
    """Tell whether what the device's reference gave was wrong for the keybag a short while ago."""
    return bool(
        await pool.fetchval(
            "select exists (select from refused_reference where udid = $1 and keybag = $2"
            # The second: refused before the time of day was set back.
            " and refused_at between now() - $3::interval and now() + interval '1 minute')",
            udid,
            bytes.fromhex(keybag),
            within,
        )
    )


async def record_refused(pool: Pool, udid: Udid, keybag: str) -> None:
    """Note that the keybag did not open; forgotten with the reference."""
    await pool.execute(
        "insert into refused_reference (udid, keybag)"
        # It may have been replaced meanwhile.
        " select udid, $2 from passphrase_reference where udid = $1"
        " on conflict (udid, keybag) do update set refused_at = clock_timestamp()",
        udid,
        bytes.fromhex(keybag),
    )
