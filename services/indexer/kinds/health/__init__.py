"""Health: days, nights, workouts and measurements out of millions of samples; the Medical ID."""

from __future__ import annotations

from services.indexer.kinds.protocol import KindParser, NeededFile, ParserInputs, Sink

_DOMAIN = "HealthDomain"
_SAMPLES = "Health/healthdb_secure.sqlite"
_SOURCES = "Health/healthdb.sqlite"
_MEDICAL_ID = "MedicalID/MedicalIDData.archive"


class HealthParser(KindParser):
    """What the phone and the watch measured, by day."""

    kind = "health"
    title = "Health"
    note = (
        "Sums and ranges by day, nights with phases, workouts with routes, awards, measurements of "
        "the body and the Medical ID. Electrocardiograms, clinical records and what phones keep in "
        "other forms are counted, not read. Single samples are in the sums and ranges of their day."
    )
    version = 2
    encrypted_only = True
    files = (
        NeededFile(domain=_DOMAIN, relative_path=_SAMPLES),
        NeededFile(domain=_DOMAIN, relative_path=_SOURCES, required=False),
        NeededFile(domain=_DOMAIN, relative_path=_MEDICAL_ID),
    )

    def parse(self, inputs: ParserInputs, sink: Sink) -> None:
        """Read all samples once, then say what they come to."""
        from services.indexer.kinds.health.reading import parse_health

        parse_health(
            sink,
            samples=inputs.find(_DOMAIN, _SAMPLES),
            sources=inputs.find(_DOMAIN, _SOURCES),
            medical_id=inputs.find(_DOMAIN, _MEDICAL_ID),
            region=inputs.region,
        )
