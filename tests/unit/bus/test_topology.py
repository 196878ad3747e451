from __future__ import annotations

import pytest

from shared.contracts.events import EVENTS
from shared.contracts.topology import (
    CONSUMERS,
    PROVISIONER,
    SERVICES,
    STREAMS,
    permissions,
    render_nats_permissions,
)
from tests.integration.bus.servers import new_nkey


def test_every_event_has_a_place_in_the_stream_and_only_its_producers_publish_it() -> None:
    for event in EVENTS:
        assert event.subject in STREAMS[0].subjects
        may = {name for name in SERVICES if event.subject in permissions(name).publish}
        assert may == set(event.producers)


def test_no_service_may_publish_or_hear_everything() -> None:
    for service in SERVICES:
        allowed = permissions(service)
        for subject in (*allowed.publish, *allowed.subscribe):
            assert subject.split(".")[0] not in {">", "*"}
        assert not any("STREAM.CREATE" in subject for subject in allowed.publish)
        assert not any("PURGE" in subject for subject in allowed.publish)


def test_only_the_session_users_may_ask_sessions() -> None:
    may = {name for name in SERVICES if "unlock.session.>" in permissions(name).publish}
    assert may == {"gateway", "indexer"}


def test_a_consumer_gets_what_it_consumes_and_its_own_retries() -> None:
    assert CONSUMERS["unlock"].filter_subjects == ("backup.removed", "retry.unlock")


def test_permissions_are_rendered_for_every_user_by_public_key() -> None:
    keys = {user: new_nkey()[1] for user in (*SERVICES, PROVISIONER)}
    text = render_nats_permissions(keys)
    assert all(key in text for key in keys.values())


def test_a_seed_in_place_of_a_public_key_is_refused_without_being_repeated() -> None:
    seed, _ = new_nkey()
    with pytest.raises(ValueError, match="not a public user nkey") as caught:
        render_nats_permissions({"gateway": seed})
    assert seed not in str(caught.value)
