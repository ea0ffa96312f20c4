"""Words of a command line with ``--box`` and its numbers as one, which argparse needs."""

import re
from collections.abc import Sequence

_OPTION = "--box"
_BELOW_ZERO = re.compile(r"-\.?\d")


def with_box_joined(words: Sequence[str]) -> list[str]:
    """The words, with ``--box -1,...`` as ``--box=-1,...``.

    argparse takes a word that begins with a minus for an option, unless all of it is one number.
    What comes after ``--`` are no options and stays.
    """
    joined: list[str] = []
    for place, word in enumerate(words):
        if word == "--":
            return [*joined, *words[place:]]
        if joined and joined[-1] == _OPTION and _BELOW_ZERO.match(word):
            joined[-1] = f"{_OPTION}={word}"
        else:
            joined.append(word)
    return joined
