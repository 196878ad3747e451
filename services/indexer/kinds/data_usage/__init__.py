"""Data use: what each process and app sent and received, from DataUsage.sqlite."""

from __future__ import annotations

from services.indexer.kinds.protocol import KindParser, NeededFile, ParserInputs, Sink


class DataUsageParser(KindParser):
    """What the phone counted per process: bytes over Wi-Fi and over the mobile network."""

    kind = "data_usage"
    title = "Data use"
    note = (
        "Bytes that each app and service sent and received, by the days for which the phone kept"
        " count. Phones count hardly any Wi-Fi there."
    )
    files = (
        NeededFile(domain="WirelessDomain", relative_path="Library/Databases/DataUsage.sqlite"),
    )
    needs_apps = True
    needs_app_sizes = False

    def parse(self, inputs: ParserInputs, sink: Sink) -> None:
        """Read every process; one bad record costs one record."""
        from services.indexer.kinds.data_usage.reading import parse_usage

        parse_usage(inputs, sink)
