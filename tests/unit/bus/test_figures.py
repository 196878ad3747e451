"""What the bus counts, and under which names."""

from __future__ import annotations

from uuid import uuid4

from shared.bus.metrics import subject_label
from shared.contracts.unlock import ReadFile, session_subject


def test_a_sessions_subject_is_reduced_to_its_verb() -> None:
    subject = session_subject(str(uuid4()), ReadFile.subject)
    assert subject_label(subject) == f"unlock.session.{ReadFile.subject}"


def test_other_subjects_are_their_own_label() -> None:
    assert subject_label("cmd.discovery.list_backups") == "cmd.discovery.list_backups"
