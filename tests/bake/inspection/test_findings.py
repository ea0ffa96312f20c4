"""Verdicts have an order, and the gravest one counts."""

import pytest

from bake.inspection.findings import Finding, Verdict, worst


def made(*verdicts: Verdict) -> list[Finding]:
    return [Finding("check", None, verdict, "measured") for verdict in verdicts]


@pytest.mark.parametrize(
    ("verdicts", "gravest"),
    [
        ((), Verdict.OK),
        ((Verdict.OK, Verdict.NOT_CHECKED), Verdict.OK),
        ((Verdict.NOT_CHECKED,), Verdict.NOT_CHECKED),
        ((Verdict.OK, Verdict.WARNING, Verdict.OK), Verdict.WARNING),
        ((Verdict.FAULT, Verdict.WARNING), Verdict.FAULT),
    ],
)
def test_the_gravest_verdict_counts(verdicts, gravest) -> None:
    assert worst(made(*verdicts)) is gravest


def test_a_verdict_is_written_as_its_own_words() -> None:
    assert f"{Verdict.NOT_CHECKED}" == "not checked"
    assert Verdict("fault") is Verdict.FAULT


def test_the_order_of_findings_does_not_matter() -> None:
    verdicts = list(Verdict)
    assert worst(made(*verdicts)) is worst(made(*reversed(verdicts))) is Verdict.FAULT
