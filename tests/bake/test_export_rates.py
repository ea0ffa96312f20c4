"""The rate of a package: the bake's own, a QP, or bits per second of everything."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bake.export import ExportOptions, export
from bake.rate_search import PackageRate
from bake.sequence import BakedSequence
from hwcodec import (
    ConstantQp,
    PackageContent,
    Tuning,
    UnsupportedConfig,
    content_size,
    open_package,
    write_package,
)

QUICK = ExportOptions("libx265", rate=ConstantQp(22), tuning=Tuning("veryfast", thread_count=1))


@pytest.fixture
def sequence(baked_sequence) -> BakedSequence:
    return baked_sequence


def test_without_a_rate_the_bake_s_own_is_taken(sequence, tmp_path) -> None:
    for name, rate in (("own", None), ("stated", ConstantQp(28))):
        export(sequence, tmp_path / name, replace(QUICK, rate=rate))
    assert open_package(tmp_path / "own").digest() == open_package(tmp_path / "stated").digest()


def test_scales_of_other_standards_are_stretched(sequence, tmp_path) -> None:
    export(sequence, tmp_path / "out", ExportOptions("libsvtav1"))
    assert open_package(tmp_path / "out").scene["rate"] == "qp 35"


def test_a_bit_rate_of_the_package_is_kept_with_the_best_quality(sequence, tmp_path) -> None:
    bits = 1_200_000
    most = bits * sequence.frame_count / float(sequence.frame_rate) / 8
    export(sequence, tmp_path / "found", replace(QUICK, rate=PackageRate(bits)))
    package = open_package(tmp_path / "found")
    assert package.size_bytes <= most
    qp = int(package.scene["rate"].removeprefix("qp "))
    export(sequence, tmp_path / "finer", replace(QUICK, rate=ConstantQp(qp - 1)))
    assert open_package(tmp_path / "finer").size_bytes > most


def test_a_bit_rate_below_what_the_tables_take_is_refused(sequence, tmp_path) -> None:
    with pytest.raises(UnsupportedConfig, match="ask for a higher bit rate"):
        export(sequence, tmp_path / "out", replace(QUICK, rate=PackageRate(100)))
    assert not (tmp_path / "out").exists()


def test_a_lossless_package_takes_what_it_takes(sequence, tmp_path) -> None:
    export(sequence, tmp_path / "out", ExportOptions("raw", rate=PackageRate(100)))
    assert open_package(tmp_path / "out").scene["rate"] == "lossless"


def test_the_size_is_known_before_anything_is_written(sequence, tmp_path, monkeypatch) -> None:
    sizes: list[int] = []
    module = sys.modules["bake.export"]

    def keep(out: Path, content: PackageContent, *, overwrite: bool) -> None:
        sizes.append(content_size(content))
        write_package(out, content, overwrite=overwrite)

    monkeypatch.setattr(module, "write_package", keep)
    export(sequence, tmp_path / "folder", QUICK)
    assert sizes == [open_package(tmp_path / "folder").size_bytes]
