"""What a message answers, where it only names it: the beginning of what was said before."""

from __future__ import annotations

from collections import OrderedDict

import msgspec

from services.indexer.exports.formats.cleaning import one_line
from services.indexer.exports.formats.told import Told
from shared.contracts.indexer import Artifact

#: Messages of a conversation that can be answered by later ones, and how much of each is quoted.
_MOST_KNOWN = 5_000
_MOST_QUOTED = 160


class Answers:
    """The messages of one conversation, as far back as answers are likely to go."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, str] = OrderedDict()

    def with_quote(self, artifact: Artifact, said: Told) -> Told:
        """Return what is said with what it answers, and remember it for answers to come."""
        if said.event is not None:
            return said
        answered = artifact.payload.get("reply_to")
        if said.quote is None and isinstance(answered, str) and answered:
            quote = self._known.get(answered, "a message that is not here")
            said = msgspec.structs.replace(said, quote=quote)
        sender = artifact.sender
        who = "Somebody" if sender is None else "Me" if sender.is_me else sender.name
        who = one_line(who or (sender.handle if sender else None), most=80) or "Somebody"
        text = one_line(said.text, most=_MOST_QUOTED) or "(without text)"
        self._known[artifact.key] = f"{who}: {text}"
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)
        return said
