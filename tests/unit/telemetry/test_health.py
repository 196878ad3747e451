"""Health: ready while every dependency is."""

from __future__ import annotations

from shared.telemetry import Health


def test_one_dependency_that_is_away_degrades_the_service() -> None:
    health = Health("indexer")
    assert health.describe().state == "ready"
    assert health.report("nats", ready=True)
    assert health.report("postgres", ready=False, detail="It does not answer.")
    described = health.describe()
    assert described.state == "degraded"
    assert described.dependencies["postgres"].detail == "It does not answer."
    assert health.report("postgres", ready=True)
    assert health.describe().state == "ready"


def test_saying_the_same_again_is_no_news() -> None:
    health = Health("indexer")
    health.report("nats", ready=True)
    assert not health.report("nats", ready=True)
