"""The queries behind a manifest's pages. All continue from a row: none skips rows by counting."""

from __future__ import annotations

from typing import Any, Literal

from shared.ios_backup.manifest_index import ARCHIVE

Kind = Literal["file", "directory", "symlink", "other"]
Sort = Literal["path", "size", "modified"]

#: The manifest's flags of each kind; everything else is "other".
FLAGS: dict[Kind, int] = {"file": 1, "directory": 2, "symlink": 4}
#: The columns of an entry, from ``backup.Files f``.
ENTRY = f"f.rowid, f.fileID, f.domain, f.relativePath, f.flags, {ARCHIVE}"


def filters(path_like: str | None, kind: Kind | None, *, table: str) -> tuple[str, dict[str, Any]]:
    """Return conditions over *table* (p: place, s: size) and their values."""
    where, values = "", dict[str, Any]()
    if path_like is not None:
        path = "p.relative_path" if table == "p" else "f.relativePath"
        where += f" and {path} like :pattern"
        values["pattern"] = path_like
    if kind == "other":
        where += f" and {table}.flags not in (1, 2, 4)"
    elif kind is not None:
        where += f" and {table}.flags = :flags"
        values["flags"] = FLAGS[kind]
    return where, values


def by_path(domain: str | None, after: int | None) -> tuple[str, dict[str, Any]]:
    """Return the query of a page by domain and path; ``{where}`` stands for the filters."""
    query = f"select {ENTRY} from place p cross join backup.Files f on f.rowid = p.id where true"  # noqa: S608
    values: dict[str, Any] = {}
    if domain is not None:
        query += " and p.domain_id = (select id from domain where name = :domain)"
        values["domain"] = domain
    if after is not None:
        query += (
            " and (p.domain_id, p.relative_path, p.id) > (select d.id, l.relativePath, l.rowid"
            " from backup.Files l join domain d on d.name = l.domain where l.rowid = :after)"
        )
        values["after"] = after
    query += "{where} order by p.domain_id, p.relative_path, p.id limit :limit"
    return query, values


def by_measure(column: str, domain: str | None, after: int | None) -> tuple[str, dict[str, Any]]:
    """Return the query of a page by *column*, largest first; ``{where}`` as above."""
    query = f"select {ENTRY} from sizes.size s cross join backup.Files f on f.rowid = s.id"  # noqa: S608
    query += " where true"
    values: dict[str, Any] = {}
    if domain is not None:
        query += " and s.domain_id = (select id from domain where name = :domain)"
        values["domain"] = domain
    if after is not None:
        query += (
            f" and (s.{column}, s.id) <"  # noqa: S608
            f" (select l.{column}, l.id from sizes.size l where l.id = :after)"
        )
        values["after"] = after
    query += f"{{where}} order by s.{column} desc, s.id desc limit :limit"
    return query, values
