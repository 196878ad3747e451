"""Text from a phone made safe for a terminal.

Names and messages are written by strangers. An escape sequence in one could recolour, retitle or
type into the terminal; a direction mark could make ``exe.jpg`` look like a picture.
"""

from __future__ import annotations

import re

#: C0 and C1 controls, and everything that reorders or hides text.
_HOSTILE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e"
    "\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff\ud800-\udfff]"
)


def plain(text: object) -> str:
    """Return *text* on one line, with each hostile character shown as ``\ufffd``."""
    return _HOSTILE.sub("\ufffd", str(text)).replace("\n", " ").replace("\t", " ")


def plain_lines(text: object) -> str:
    """Return *text* with its line breaks kept, otherwise like ``plain``."""
    unified = str(text).replace("\r\n", "\n").replace("\u2028", "\n")
    return _HOSTILE.sub("\ufffd", unified).expandtabs(4)
