"""Who had to do with whom, and in which app: interactionC.db."""

from __future__ import annotations

from services.indexer.kinds.protocol import KindParser, NeededFile, ParserInputs, Sink


class InteractionParser(KindParser):
    """What the phone notes of messages, calls and mails in all apps, without their content."""

    kind = "interaction"
    title = "Interactions"
    note = (
        "What the phone notes for its suggestions of who wrote to or called whom, when and in "
        "which app, deleted conversations among them, and totals for each person. It holds no "
        "content, and the phone forgets single entries after some weeks."
    )
    version = 2
    needs_apps = True
    needs_app_sizes = False
    files = (
        NeededFile(domain="HomeDomain", relative_path="Library/CoreDuet/People/interactionC.db"),
    )

    def parse(self, inputs: ParserInputs, sink: Sink) -> None:
        """Read every interaction; one bad record costs one record."""
        from services.indexer.kinds.interaction.reading import parse_interactions

        parse_interactions(inputs, sink)
