"""Reading photos: every row of the database, then every file of the camera that has no row."""

from __future__ import annotations

from services.indexer.kinds.database import Database
from services.indexer.kinds.handles import Handles
from services.indexer.kinds.photo.albums import Albums
from services.indexer.kinds.photo.assembly import RESOURCE_COLUMNS, Beside, assemble
from services.indexer.kinds.photo.files import DOMAIN, PhotoFiles, number_of, path_of
from services.indexer.kinds.photo.files_alone import parse_files_alone
from services.indexer.kinds.photo.library import BATCH, Library
from services.indexer.kinds.photo.payload import Contributor
from services.indexer.kinds.photo.people import Comments, Faces, Keywords
from services.indexer.kinds.photo.sharing import SharedLibrary
from services.indexer.kinds.protocol import ParserInputs, Sink
from services.indexer.kinds.records import Record, Records
from services.indexer.kinds.values import flag_of
from services.indexer.staging import StagedArtifact

_LIBRARY = "Media/PhotoData/Photos.sqlite"


def parse_photos(inputs: ParserInputs, sink: Sink) -> None:
    """Give every photo and video of the backup to *sink*."""
    files = PhotoFiles(inputs)
    claimed: set[int] = set()
    copy = inputs.find(DOMAIN, _LIBRARY)
    if copy is None:
        sink.tally.note("The backup has no database of photos; their files tell less.")
        records = Records(sink)
    else:
        with Database(copy) as database:
            library = Library(database, sink.tally)
            records = _Reader(library, files, sink, claimed, region=inputs.region).run()
    if inputs.has_listing:
        parse_files_alone(inputs, files, sink.tally, claimed=claimed, records=records)
    records.finish()


class _Reader:
    def __init__(
        self,
        library: Library,
        files: PhotoFiles,
        sink: Sink,
        claimed: set[int],
        *,
        region: str | None,
    ) -> None:
        self._library = library
        self._files = files
        self._sink = sink
        self._claimed = claimed
        tally = sink.tally
        self._albums = Albums(library, tally)
        self._faces = Faces(library, tally)
        self._keywords = Keywords(library, tally)
        self._comments = Comments(library, self._albums.people)
        self._shared = SharedLibrary(library, Handles(region), tally)
        self._resources = library.parts("ZINTERNALRESOURCE", "ZASSET", RESOURCE_COLUMNS)
        self._films = {path for film in library.films() if (path := path_of(*film)) is not None}

    def _owner(self, row: Record) -> tuple[Contributor, ...]:
        """Who put a photo into a shared album."""
        name = self._comments.name(row["ZCLOUDOWNERHASHEDPERSONID"])
        is_me = flag_of(row["ZCLOUDISMYASSET"])
        return (Contributor(name=name, is_me=is_me),) if name or is_me else ()

    def run(self) -> Records:
        """Give all photos; return what went on about them."""
        for thread in self._albums.threads:
            self._sink.thread(thread)
        order = self._library.order()
        records = Records(self._sink, total=len(order))
        for at in range(0, len(order), BATCH):
            numbers = list(order[at : at + BATCH])
            self._batch(numbers, records)
        return records

    def _batch(self, numbers: list[int], records: Records) -> None:
        rows = self._library.records(numbers)
        albums = self._albums.read(numbers)
        faces = self._faces.read(numbers)
        comments = self._comments.read(numbers)
        shared = self._shared.read(numbers)
        resources = self._resources.read(numbers)
        described = [
            number for row in rows if isinstance(number := row["ZADDITIONALATTRIBUTES"], int)
        ]
        keywords = self._keywords.read(described)

        def make(row: Record) -> StagedArtifact | None:
            number = row["Z_PK"]
            named, unnamed = faces.get(number, ((), 0))
            artifact = assemble(
                row,
                Beside(
                    albums=albums.get(number, ()),
                    faces=named,
                    unnamed_faces=unnamed,
                    keywords=keywords.get(row["ZADDITIONALATTRIBUTES"], ()),
                    comments=comments.get(number, ()),
                    contributors=shared.get(number) or self._owner(row),
                    resources=resources.get(number, ()),
                ),
                self._files,
                films=self._films,
            )
            if artifact is None:
                self._sink.tally.note("A record has no identity of its own.")
                return None
            for file in artifact.attachments:
                if file.file_id is not None:
                    self._claimed.add(number_of(file.file_id))
                if not file.present and self._files.is_known:
                    self._sink.tally.missing_files += 1
            return artifact

        for row in rows:
            records.keep(lambda row=row: make(row))  # type: ignore[misc]
