"""Kinds that other packages bring."""

import contextlib
import sqlite3
import sys
import tomllib
import types
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import ClassVar

import pytest

from services.indexer.kinds.contact import ContactParser
from services.indexer.kinds.installed import GROUP, with_installed
from services.indexer.kinds.protocol import KindParser, NeededFile, ParserInputs, Sink
from tests.unit.kinds.collected import Collected


class Stamps(KindParser):
    kind = "stamp"
    title = "Stamps"
    note = "All stamps."
    files = (NeededFile(domain="AppDomain-org.example.stamps", relative_path="*.stamps"),)

    def parse(self, inputs: ParserInputs, sink: Sink) -> None:
        """Find nothing."""


class Nameless(Stamps):
    kind = "Not A Name!"


class Rival(Stamps):
    kind = "contact"


class Silent(Stamps):
    kind = "silent"
    files: ClassVar[tuple[NeededFile, ...]] = ()


not_a_parser = object()
ready_made = Stamps()


def entry(name: str) -> EntryPoint:
    return EntryPoint(name=name, value=f"{__name__}:{name}", group=GROUP)


@pytest.mark.parametrize("name", ["Stamps", "ready_made"])
def test_a_parser_of_another_package_comes_after_ours(name: str) -> None:
    parsers = with_installed((ContactParser(),), found=[entry(name)])
    assert list(parsers) == ["contact", "stamp"]


@pytest.mark.parametrize("name", ["Nameless", "Rival", "Silent", "not_a_parser", "missing"])
def test_a_parser_that_cannot_be_used_costs_itself_only(name: str) -> None:
    ours = ContactParser()
    parsers = with_installed((ours,), found=[entry(name), entry("Stamps")])
    assert parsers["contact"] is ours
    assert list(parsers) == ["contact", "stamp"]


@pytest.mark.parametrize(
    ("domain", "path", "name", "is_named"),
    [
        ("HomeDomain", "a/b.db", "HomeDomain/a/b.db", True),
        ("HomeDomain", "a/b.db", "HomeDomain/a/c.db", False),
        ("AppDomain-*", "Stores/Data-*.sqlite", "AppDomain-x/Stores/Data-1.sqlite", True),
        ("AppDomain-*", "Stores/Data-*.sqlite", "AppDomain-x/Stores/Data-1.sqlite-wal", False),
        ("HomeDomain", "a[1]?.db", "HomeDomain/a[1]?.db", True),
        ("HomeDomain", "a[1]?.db", "HomeDomain/a1x.db", False),
        ("", "Info.plist", "/Info.plist", True),
    ],
)
def test_a_file_is_named_exactly_or_by_stars(
    domain: str,
    path: str,
    name: str,
    is_named: bool,  # noqa: FBT001 -- a case of the table
) -> None:
    assert NeededFile(domain=domain, relative_path=path).is_among([name]) is is_named


def test_the_worked_example_of_the_documentation_works(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "parsers.md").read_text()
    code = page.split("```python\n", 1)[1].split("```", 1)[0]
    module = types.ModuleType("stamps")
    sys.modules["stamps"] = module
    try:
        exec(compile(code, "stamps.py", "exec"), module.__dict__)
        point = EntryPoint(name="stamp", value="stamps:StampParser", group=GROUP)
        (parser,) = with_installed((), found=[point]).values()
        path = tmp_path / "copy"
        with contextlib.closing(sqlite3.connect(path)) as store:
            store.execute("create table stamp(uuid, name, bought, note)")
            store.execute(
                "insert into stamp values ('U1', 'Blue', 0.5, 'rare'), (null, 'x', 1, '')"
            )
            store.commit()
        sink = Collected()
        name = "AppDomain-org.example.stamps/Documents/a.sqlite"
        assert parser.files[0].is_among([name])
        parser.parse(ParserInputs(files={name: path}), sink)
    finally:
        del sys.modules["stamps"]
    assert [(one.key, one.title, one.text) for one in sink.artifacts] == [("U1", "Blue", "rare")]
    assert (sink.tally.read, sink.tally.skipped) == (2, 1)


def test_the_metadata_of_the_documentation_make_a_package_that_can_be_installed() -> None:
    page = (Path(__file__).parents[3] / "docs" / "parsers.md").read_text()
    metadata = tomllib.loads(page.split("```toml\n", 1)[1].split("```", 1)[0])
    assert {"name", "version"} <= metadata["project"].keys()
    (point,) = metadata["project"]["entry-points"][GROUP].values()
    assert metadata["tool"]["setuptools"]["py-modules"] == [point.partition(":")[0]]
    assert f"`{point.partition(':')[0]}.py`" in page
