"""The bootstrap token: made at first start, kept in a file that only its owner reads."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from deploy.local.errors import StartError
from shared.settings import Secret, Settings


def token_file(settings: Settings) -> Path:
    """Return where the token is kept when it was not given."""
    return settings.data_dir / "api-token"


def ensure_api_token(settings: Settings) -> Secret:
    """Return the given token, or the kept one, or a new one that is kept from now on."""
    if settings.api_token is not None:
        return settings.api_token
    path = token_file(settings)
    try:
        kept = path.read_text("utf-8").strip()
        if kept:
            path.chmod(0o600)
            return Secret(kept)
        path.unlink()
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        raise StartError(f"{path}: cannot be read ({type(error).__name__})") from None
    token = f"ks_{secrets.token_urlsafe(32)}"
    try:
        # Made beside and renamed: a crash cannot leave half a token.
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{token}\n")
            file.flush()
            os.fsync(descriptor)
        draft.rename(path)
    except OSError as error:
        raise StartError(f"{path}: cannot be written ({error.strerror})") from None
    return Secret(token)
