"""What gets a destination's archives back when Keepsake and its machine are gone.

A sheet is facts, passwords if they are wanted, and commands for a shell that ask for secrets and
hold none. ``recovery_page`` writes the same as a page to print. The commands are run by our tests.
"""

from __future__ import annotations

import datetime as dt
import re
import shlex
import textwrap
from collections.abc import Sequence

import msgspec

from services.archiver.destinations.remotes import defaults_of
from services.archiver.format.manifest import VERSION
from services.archiver.storage.destinations import Held
from shared.contracts.archiver import Destination
from shared.credentials import Secret

_COLUMNS = 79
#: They are longer than a line that a terminal takes, or several.
_LONG = re.compile(r"token|.*(_pem|credentials|cookies|connection_string)")


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Commands for a shell, all of them in the same one, and what they are for."""

    title: str
    commands: str


_FILES = Step(
    title="Get the files.",
    commands=(
        'rclone lsf --dirs-only "$remote/mirrors"\n'
        "# All of them as they were last; old in the place of current has what they were before.\n"
        'rclone copy --links --include "/*/current/**" "$remote/mirrors" "$HOME/restored"'
    ),
)
_IN_MIRROR = Step(
    title="Connect the disk or share.",
    commands="# Files lie in mirrors/NAME/current, and what they were before in mirrors/NAME/old.",
)


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """A sheet before it is written down."""

    destination: Destination
    made_at: dt.datetime
    keepsake: str
    #: What rclone has to be told in a form of its own, ``rclone obscure``.
    obscured: frozenset[str] = frozenset()
    #: The one of the encryption, and the second if there is one.
    passwords: tuple[Secret, Secret | None] | None = None
    held: Sequence[Held] = ()

    @property
    def is_folder(self) -> bool:
        """Whether no rclone is needed."""
        return self.destination.type == "local" and self.destination.crypt is None

    def places(self) -> list[tuple[str, str]]:
        """Return where it is, and what there is to know of it."""
        one = self.destination
        kind = "a folder" if one.type == "local" else f"rclone, back end {one.config.backend}"
        return [
            ("Kind", kind),
            ("Path", one.config.path),
            *sorted(one.config.options.items()),
            ("Encrypted", "no" if one.crypt is None else "by rclone's crypt, names included"),
            ("Store", f"{one.store_id}, format {VERSION}"),
        ]

    def references(self) -> list[tuple[str, str]]:
        """Return which secrets are needed, and where Keepsake found them."""
        found = sorted(self.destination.config.secret_options.items())
        crypt = self.destination.crypt
        if crypt is not None:
            found.append(("password", crypt.password_ref))
            if crypt.password2_ref is not None:
                found.append(("password2", crypt.password2_ref))
        return found

    def revealed(self) -> list[tuple[str, str]]:
        """Return the passwords themselves, if the sheet has them."""
        if self.passwords is None:
            return []
        names = zip(("password", "password2"), self.passwords, strict=True)
        return [(name, secret.reveal()) for name, secret in names if secret is not None]

    def contents(self) -> list[tuple[str, str]]:
        """Return what lies there, by the folders below ``bundles``."""
        if self.destination.mode == "mirror":
            return [("mirrors", f"{one.name} (plain files, {_at(one)})") for one in self.held]
        return [
            (f"bundles/{one.source_id}", f"{one.name} (archives: {one.archive_count}, {_at(one)})")
            for one in self.held
        ]

    def steps(self) -> list[Step]:
        """Return the commands in their order."""
        if self.destination.mode == "mirror":
            return [*self._reaching(), _FILES] if not self.is_folder else [_IN_MIRROR]
        return [*self._reaching(), *_READING] if not self.is_folder else self._in_folder()

    def _in_folder(self) -> list[Step]:
        store = shlex.quote(self.destination.config.path)
        return [
            Step(
                title="Connect the disk or share, and say where it is.", commands=f"store={store}"
            ),
            _LISTING_FOLDER,
            _READER_FOLDER,
            *(
                msgspec.structs.replace(
                    step, commands=step.commands.replace('"rclone:$remote"', '"$store"')
                )
                for step in _READING[2:]
            ),
        ]

    def _reaching(self) -> list[Step]:
        config, crypt = self.destination.config, self.destination.crypt
        backend = config.backend or "local"
        lines = [
            'work=$(mktemp -d); export RCLONE_CONFIG="$work/rclone.conf"',
            *(_ASK if config.secret_options or crypt is not None else ()),
            f"export RCLONE_CONFIG_PLACE_TYPE={shlex.quote(backend)}",
            *(
                f"export RCLONE_CONFIG_PLACE_{name.upper()}={shlex.quote(value)}"
                for name, value in {**defaults_of(backend), **config.options}.items()
            ),
        ]
        for name in config.secret_options:
            lines += _asked(name, f"PLACE_{name.upper()}", is_obscured=name in self.obscured)
        path = config.path.rstrip("/") + "/"
        if crypt is None:
            lines.append(f"remote={shlex.quote(f'place:{path}'.rstrip('/'))}")
        else:
            lines += [
                "export RCLONE_CONFIG_STORE_TYPE=crypt",
                f"export RCLONE_CONFIG_STORE_REMOTE={shlex.quote(f'place:{path}')}",
                *_asked("password", "STORE_PASSWORD", is_obscured=True),
                'export KEEPSAKE_PASSWORD="$answer"',
            ]
            if crypt.password2_ref is not None:
                lines += _asked("password2", "STORE_PASSWORD2", is_obscured=True)
            lines.append("remote=store:")
        if self.references():
            # In one piece: else what is pasted behind a question would be taken for its answer.
            lines = ["{", *lines, "}"]
        return [Step(title="Tell rclone where it is.", commands="\n".join(lines))]

    def text(self) -> str:
        """Return the sheet as plain text."""
        parts = [
            f"KEEPSAKE RECOVERY SHEET: {_line(self.destination.name)}",
            _filled(made_words(self)),
            "WHERE IT IS\n" + _table(self.places()),
        ]
        if self.revealed():
            # As they are, to the last space.
            parts.append("THE PASSWORDS\n" + "\n".join(f"  {n}  {v}" for n, v in self.revealed()))
        if self.references():
            parts.append(
                "SECRETS THAT ARE NEEDED, AND WHERE KEEPSAKE FOUND THEM\n"
                + _table(self.references())
                + "\n"
                + _filled(missing_words(self))
            )
        if self.held:
            parts.append("WHAT LIES THERE\n" + _table(self.contents()))
        parts.append("TO GET EVERYTHING BACK WITHOUT KEEPSAKE\n" + _filled(programs_words(self)))
        parts += [
            f"{number}. {step.title}\n\n{textwrap.indent(step.commands, '    ')}"
            for number, step in enumerate(self.steps(), 1)
        ]
        parts.append(_filled(WITH_KEEPSAKE))
        return "\n\n".join(parts) + "\n"


WITH_KEEPSAKE = (
    "With Keepsake: install it anywhere, and set the destination up again with the same path and"
    " passwords: a store that lies there is taken over, and `keepsake archive rebuild` lists its"
    " archives. Its docs/archive-format.md describes every byte."
)


def made_words(sheet: Sheet) -> str:
    """Return where the sheet comes from and where it belongs."""
    return (
        f"Made {sheet.made_at:%Y-%m-%d %H:%M} UTC by Keepsake {sheet.keepsake}. Keep it where it"
        " survives the machine that Keepsake runs on, and where nobody else reads it."
    )


def programs_words(sheet: Sheet) -> str:
    """Return what has to be installed for the commands."""
    needed = "Python 3.8 or newer, and zstd"
    if not sheet.is_folder:
        needed = "rclone (https://rclone.org), " + needed
    return (
        f"On any Linux or Mac with {needed}. Each block goes into the same shell, one after the"
        " other."
    )


def missing_words(sheet: Sheet) -> str:
    """Return what the sheet does not hold."""
    said = []
    if sheet.destination.config.secret_options:
        said.append("Keys of the place are not on this sheet; its keeper gives out new ones.")
    if sheet.destination.crypt is not None and sheet.passwords is None:
        said.append(
            "THE PASSWORDS ARE NOT ON THIS SHEET. If what the references lead to is lost, nobody"
            " can read the archives again."
        )
    return " ".join(said)


_ASK = (
    "ask() { printf '%s: ' \"$1\" >&2; stty -echo 2>/dev/null || :",
    "    IFS= read -r answer; stty echo 2>/dev/null || :; echo >&2; }",
)
_IN_ONE_LINE = '"$(awk \'{ printf "%s\\\\n", $0 }\' "$answer")"'
_READING = [
    Step(
        title="See which archives there are. If there is none, a password is mistyped.",
        commands='rclone lsf --recursive --files-only "$remote/bundles"',
    ),
    Step(
        title="Take the reader out of the newest one. For another, set bundle yourself.",
        commands=(
            'bundle=$(rclone lsf -R --files-only "$remote/bundles" |\n'
            "    grep -E '[.]tar[.](zst|gz)$' | sort -t / -k 2 | tail -n 1)\n"
            'rclone cat "$remote/bundles/$bundle" | {\n'
            "    case $bundle in *.gz) gzip -dc ;; *) zstd -dc ;; esac; } |\n"
            '    tar -xf - -C "$work" restore.sh restore.py requirements.txt'
        ),
    ),
    Step(
        title="Get all of its files back, into a folder that has room for them.",
        commands=(
            "target=$HOME/restored\n"
            'sh "$work/restore.sh" --store "rclone:$remote" list\n'
            'sh "$work/restore.sh" --store "rclone:$remote" --archive "${bundle##*/}" \\\n'
            '    restore "$target"'
        ),
    ),
]
_LISTING_FOLDER = Step(
    title="See which archives there are.",
    commands='ls "$store"/bundles/*',
)
_READER_FOLDER = Step(
    title="Take the reader out of the newest one. For another, set bundle yourself.",
    commands=(
        "work=$(mktemp -d)\n"
        'bundle=$(cd "$store/bundles" && ls -d */*.tar.zst */*.tar.gz 2>/dev/null |\n'
        "    sort -t / -k 2 | tail -n 1)\n"
        'case $bundle in *.gz) gzip -dc ;; *) zstd -dc ;; esac < "$store/bundles/$bundle" |\n'
        '    tar -xf - -C "$work" restore.sh restore.py requirements.txt'
    ),
)


def _asked(name: str, variable: str, *, is_obscured: bool) -> list[str]:
    """Return the commands that ask for a secret and tell it to rclone."""
    ask = f"ask {name}"
    value = '"$answer"'
    if _LONG.fullmatch(name):
        ask = f"ask 'name of a file with {name}'"
        value = '"$(cat "$answer")"'
        if name.endswith("_pem"):
            # In one line, with the two characters that stand for its ends.
            value = _IN_ONE_LINE
    elif is_obscured:
        value = '"$(printf %s "$answer" | rclone obscure -)"'
    return [ask, f"export RCLONE_CONFIG_{variable}={value}"]


def _at(held: Held) -> str:
    return f"newest {held.newest_at:%Y-%m-%d %H:%M} UTC"


def _line(text: str) -> str:
    return " ".join(text.split())


def _filled(text: str) -> str:
    return textwrap.fill(text, _COLUMNS, break_long_words=False, break_on_hyphens=False)


def _table(rows: Sequence[tuple[str, str]]) -> str:
    width = min(max((len(name) for name, _ in rows), default=0), 44)
    return "\n".join(f"  {_line(name):<{width}}  {_line(value)}" for name, value in rows)
