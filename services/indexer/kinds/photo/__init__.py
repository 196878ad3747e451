"""Photos and videos: Photos.sqlite, or the camera's files alone where there is no database."""

from __future__ import annotations

from services.indexer.kinds.protocol import KindParser, NeededFile, ParserInputs, Sink

_LIBRARY = "Media/PhotoData/Photos.sqlite"


class PhotoParser(KindParser):
    """Photos and videos with their albums, people, places and files."""

    kind = "photo"
    title = "Photos"
    note = (
        "Photos, videos, Live Photos, bursts and edits of iOS 13 to 26, with albums, named people, "
        "places, shared albums and comments. Without the phone's database: what its files tell."
    )
    version = 3
    files = (NeededFile(domain="CameraRollDomain", relative_path=_LIBRARY),)
    listings = tuple(
        ("CameraRollDomain", f"Media/{folder}/")
        for folder in (
            "DCIM",
            "PhotoData/CPLAssets",
            "PhotoData/Mutations",
            "PhotoData/PhotoCloudSharingData",
            "PhotoData/Thumbnails",
        )
    )
    enough = listings[:2]
    #: The phone writes what it knows of a picture beside its file as well.
    attributes = "com.apple.assetsd."

    def parse(self, inputs: ParserInputs, sink: Sink) -> None:
        """Read every photo and video; one bad record costs one record."""
        from services.indexer.kinds.photo.reading import parse_photos

        parse_photos(inputs, sink)
