"""Keeping a cancellation that a failing clean-up would replace."""

from __future__ import annotations

import asyncio


def raise_if_cancelled() -> None:
    """Raise ``CancelledError`` if the running task was cancelled and goes on regardless.

    For loops that outlive the errors of an engine. When the engine is gone, cleaning up on the way
    out fails too (a lost connection cannot be unlocked, nor given back to its pool), and that
    error takes the place of the cancellation: the loop would mistake it for one more to outlive.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
