"""What rules ask of one backup. Pure: rules and what is indexed come in, names of kinds go out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from shared.contracts.index_rules import IndexRule


def wanted_kinds(
    rules: Iterable[IndexRule], *, device: str, known: Sequence[str]
) -> tuple[str, ...]:
    """Return the kinds that any enabled rule wants of *device*, in the order of *known*.

    Kinds that a rule names and nobody knows (any more) are passed over.
    """
    fitting = [rule for rule in rules if rule.enabled and rule.device in (None, device)]
    if any(rule.kinds is None for rule in fitting):
        return tuple(known)
    named = {kind for rule in fitting for kind in rule.kinds or ()}
    return tuple(kind for kind in known if kind in named)


def lacking_kinds(
    wanted: Collection[str], *, versions: Mapping[str, int], read_by: Mapping[str, int]
) -> tuple[str, ...]:
    """Return the *wanted* kinds that the parsers of today have not read of a revision.

    *versions* are today's parsers', *read_by* those that read the revision, whatever came of it: a
    kind that was absent or could not be read whole is so again until its parser changes.
    """
    return tuple(kind for kind in wanted if read_by.get(kind) != versions[kind])
