"""The kinds that Keepsake can index. Importing this is cheap; parsing imports the rest."""

from __future__ import annotations

from services.indexer.kinds.contact import ContactParser
from services.indexer.kinds.message import MessageParser
from services.indexer.kinds.protocol import KindParser

#: Every kind by its name, in the order in which they are indexed: contacts are small and quick.
PARSERS: dict[str, KindParser] = {
    parser.kind: parser for parser in (ContactParser(), MessageParser())
}
