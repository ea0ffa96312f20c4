"""What a check found: a verdict, what was measured, and what to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a check ended; ``not checked`` says that it could not be made, and why."""

    OK = "ok"
    NOT_CHECKED = "not checked"
    WARNING = "warning"
    FAULT = "fault"


_SEVERITY = (Verdict.NOT_CHECKED, Verdict.OK, Verdict.WARNING, Verdict.FAULT)


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of one camera, or of the whole rig where ``view`` is None.

    Attributes:
        check: which check, as in ``mask consistency``.
        view: view index of the camera.
        verdict: how it ended.
        measured: what was measured, in a few words with numbers.
        remedy: what is wrong and what to do, naming the camera; empty if all is well.
        cause: one word for what explains a fault, such as ``swapped``; empty if nothing does.
        value: the number that decided, if there is one.
        related: view indices of other cameras that belong to the fault.
    """

    check: str
    view: int | None
    verdict: Verdict
    measured: str
    remedy: str = ""
    cause: str = ""
    value: float | None = None
    related: tuple[int, ...] = ()


def worst(findings: Iterable[Finding]) -> Verdict:
    """The gravest verdict of several; ok for none, and where some checks were made and are well."""
    return max((each.verdict for each in findings), key=_SEVERITY.index, default=Verdict.OK)
