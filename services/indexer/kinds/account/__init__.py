"""Accounts: Accounts3.sqlite and the copy that the phone keeps of it."""

from __future__ import annotations

from services.indexer.kinds.protocol import KindParser, NeededFile, ParserInputs, Sink

_FOLDER = "Library/Accounts"


class AccountParser(KindParser):
    """The accounts that the phone is signed in to: mail, iCloud, stores, social networks."""

    kind = "account"
    title = "Accounts"
    note = (
        "Accounts that the phone is signed in to, what they are used for and who set them up."
        " Never passwords, tokens or cookies."
    )
    files = (
        NeededFile(domain="HomeDomain", relative_path=f"{_FOLDER}/Accounts3.sqlite"),
        NeededFile(domain="HomeDomain", relative_path=f"{_FOLDER}/VerifiedBackup/Accounts3.sqlite"),
    )

    def parse(self, inputs: ParserInputs, sink: Sink) -> None:
        """Read every account; one bad record costs one record."""
        from services.indexer.kinds.account.reading import parse_accounts

        parse_accounts(
            inputs, sink, stores=tuple((file.domain, file.relative_path) for file in self.files)
        )
