"""Safari's profiles, which SafariTabs.db names and whose histories lie in folders of their own."""

from __future__ import annotations

from services.indexer.kinds.database import Database
from services.indexer.kinds.protocol import ParserInputs, Tally, UnsupportedStoreError
from services.indexer.kinds.records import walk
from services.indexer.kinds.values import text_of

#: Safari's folder is in the home directory or, on newer phones, in the app's own container.
SAFARI_DOMAINS = ("AppDomain-com.apple.mobilesafari", "HomeDomain")
SAFARI_TABS = "Library/Safari/SafariTabs.db"
FOLDER, PROFILE = 1, 2
DEFAULT_PROFILE = "DefaultProfile"
_MOST_PROFILES = 1_000


def read_profiles(inputs: ParserInputs, tally: Tally) -> dict[str, str]:
    """Return the names of profiles by their ids, both the phone's and iCloud's."""
    names: dict[str, str] = {}
    for domain in SAFARI_DOMAINS:
        path = inputs.find(domain, SAFARI_TABS)
        if path is None:
            continue
        try:
            with Database(path) as database:
                if "subtype" not in database.columns("bookmarks"):
                    continue
                rest = f"where subtype = {PROFILE} and type = {FOLDER} limit {_MOST_PROFILES}"
                columns = ("title", "external_uuid", "server_id")
                for row in walk(database, "bookmarks", columns, tally, rest=rest):
                    name = text_of(row["title"])
                    for key in (text_of(row["external_uuid"]), text_of(row["server_id"])):
                        if name and key and key != DEFAULT_PROFILE:
                            names.setdefault(key.upper(), name)
        except UnsupportedStoreError:
            tally.note("The names of Safari's profiles could not be read.")
    return names
