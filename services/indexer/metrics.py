"""The indexer's figures. Labels are kinds and states, never a device or a job."""

from __future__ import annotations

from prometheus_client import Counter

from shared.contracts.indexer import KindReport

JOBS = Counter("keepsake_index_jobs_total", "Index jobs that ended, by their state.", ("state",))
EXPORTS = Counter("keepsake_exports_total", "Exports that ended, by their state.", ("state",))
LINEAGES = Counter(
    "keepsake_lineages_total", "Jobs of decisions about lineages, by their state.", ("state",)
)
_STORED = Counter(
    "keepsake_artifacts_stored_total", "Artifacts that were new or had changed.", ("kind",)
)
_FAILURES = Counter(
    "keepsake_parser_failures_total", "Runs in which a kind could not be read whole.", ("kind",)
)


def count_kind(report: KindReport) -> None:
    """Count what one kind of one run came to."""
    if report.state == "failed":
        _FAILURES.labels(report.kind).inc()
    elif report.state == "indexed":
        _STORED.labels(report.kind).inc(report.added)
