from __future__ import annotations

from services.unlock import session_token
from shared.contracts.identifiers import SessionId

SESSION = SessionId("0b8f6a6e-9f6a-4a52-9d8e-4d8a3f1f4f51")


def test_a_token_names_its_session_and_holds_256_random_bits() -> None:
    session_id, _, secret = session_token.mint(SESSION).token.partition(".")
    assert session_id == SESSION
    assert len(secret) == 43  # 32 bytes in base64 without padding


def test_only_the_very_token_fits_its_digest() -> None:
    minted, other = session_token.mint(SESSION), session_token.mint(SESSION)
    assert session_token.matches(minted.token, minted.digest)
    assert not session_token.matches(other.token, minted.digest)
    assert not session_token.matches(minted.token + " ", minted.digest)
    assert not session_token.matches("", minted.digest)
    assert not session_token.matches("\udcff", minted.digest)


def test_a_token_does_not_show_itself() -> None:
    minted = session_token.mint(SESSION)
    assert minted.token not in repr(minted)
    assert minted.token.encode() not in minted.digest
