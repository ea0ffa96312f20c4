"""Prices are found again from what they made, and the verb tells how far predictions are off."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import bake.codec_rate
from bake.codec_rate import find_model, write_model
from bake.export import ExportOptions, export
from bake.picture_plans import PictureKind
from benchmarks.commands import benchmark
from benchmarks.rate_calibration import (
    Sample,
    fit_model,
    judge,
    leave_one_out,
    sample_bake,
)
from hwcodec import ConstantQp, open_package

TRUE = {kind: np.arange(1.0, 9.0) * (1 + n) for n, kind in enumerate(PictureKind)}


def made_up(count: int = 40, noise: float = 0.0) -> list[Sample]:
    """Samples of two bakes whose bytes are prices times factors, up to rounding and noise."""
    generator = np.random.default_rng(4)
    found = []
    for index in range(count):
        for kind in PictureKind:
            factors = generator.uniform(100, 10_000, 8)
            size = factors @ TRUE[kind] / 8 * (1 + noise * generator.standard_normal())
            name = ("one", "two")[index % 2]
            found.append(Sample(name, index, kind, 20 + 6 * (index % 3), round(size), factors))
    return found


def test_prices_are_found_again_from_what_they_made() -> None:
    model = fit_model(made_up(), "libx265")
    for kind, prices in TRUE.items():
        assert model.prices[kind] == pytest.approx(tuple(prices), rel=1e-2)
    assert (model.encoder, model.preset) == ("libx265", "slower")


def test_errors_are_those_of_the_noise_and_smaller_for_groups() -> None:
    samples = made_up(200, noise=0.1)
    fit = judge(fit_model(samples, "libx265"), samples)
    assert fit.pictures == len(samples)
    assert 0.05 < fit.median < 0.09  # The median of a normal error is 0.67 of its deviation.
    assert fit.groups_median < fit.median < fit.ninety
    assert set(fit.medians_by_kind) == {"I", "P", "B", "b"}
    assert set(fit.medians_by_qp) == {20, 26, 32}


def test_a_bake_left_out_is_judged_by_prices_of_the_others() -> None:
    samples = made_up()
    spoiled = [
        Sample(s.bake, s.frame_index, s.kind, s.qp, 2 * s.bytes, s.factors)
        if s.bake == "two"
        else s
        for s in samples
    ]
    found = dict(leave_one_out(spoiled, "libx265"))
    assert found["one"].median == pytest.approx(1, abs=0.01)
    assert found["two"].median == pytest.approx(0.5, abs=0.01)


def test_a_kind_of_picture_that_never_occurs_has_no_price() -> None:
    intra = [sample for sample in made_up() if sample.kind is PictureKind.INTRA]
    with pytest.raises(ValueError, match="no picture of kind P"):
        fit_model(intra, "libx265")


def test_the_bytes_are_those_of_the_package(baked_sequence, tmp_path) -> None:
    samples = list(sample_bake("bake", baked_sequence, "libx265", (26,)))
    assert [s.frame_index for s in samples] == list(range(baked_sequence.frame_count))
    export(baked_sequence, tmp_path / "p", ExportOptions("libx265", rate=ConstantQp(26)))
    package = open_package(tmp_path / "p")
    coded = sum(
        len(packet.data)
        for index in range(package.stream_count)
        for packet in package.bitstream(index).packets
    )
    assert sum(sample.bytes for sample in samples) == coded


@pytest.fixture
def no_models(tmp_path, monkeypatch) -> Iterator[Path]:
    monkeypatch.setattr(bake.codec_rate, "MODEL_FOLDER", tmp_path / "models")
    find_model.cache_clear()
    yield tmp_path / "models"
    find_model.cache_clear()


def test_the_verb_judges_stored_prices_on_a_bake(
    baked_sequence, tmp_path, no_models, capsys
) -> None:
    write_model(fit_model(made_up(), "libx265"), no_models / "libx265.json")
    out = tmp_path / "rate.json"
    words = ["rate-model", str(baked_sequence.root), "--qps", "30", "--json", str(out)]
    assert benchmark(words) == 0
    record = json.loads(out.read_text())
    assert record["format"] == "videorf-rate-model"
    assert record["unseen"]["all"]["pictures"] == baked_sequence.frame_count
    assert "median error" in capsys.readouterr().out


def test_without_prices_the_verb_asks_for_a_fit(baked_sequence, no_models, capsys) -> None:
    assert benchmark(["rate-model", str(baked_sequence.root)]) == 2
    assert "--fit" in capsys.readouterr().err


def test_too_few_kinds_of_pictures_leave_no_prices(baked_sequence, no_models, capsys) -> None:
    assert benchmark(["rate-model", str(baked_sequence.root), "--qps", "30", "--fit"]) == 2
    assert "groups of 10 frames" in capsys.readouterr().err
    assert not no_models.exists()


def test_a_folder_that_is_not_there_is_refused(tmp_path, no_models, capsys) -> None:
    write_model(fit_model(made_up(), "libx265"), no_models / "libx265.json")
    assert benchmark(["rate-model", str(tmp_path / "none")]) == 2
    assert "there is no folder" in capsys.readouterr().err
