"""Bytes of pictures by prices: prediction, and the files that hold prices."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from bake import codec_rate
from bake.codec_rate import (
    FACTORS,
    RateModel,
    find_model,
    group_factors,
    model_from_json,
    predict_bytes,
    quantizer_steps,
    write_model,
)
from bake.errors import ArtifactError
from bake.picture_plans import PictureKind, plan_pictures

PRICES = {kind: tuple(float(n + place) for place in range(8)) for n, kind in enumerate(PictureKind)}
MODEL = RateModel("libx265", "slower", PRICES)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Iterator[Path]:
    monkeypatch.setattr(codec_rate, "MODEL_FOLDER", tmp_path / "models")
    find_model.cache_clear()
    yield tmp_path / "models"
    find_model.cache_clear()


def test_bits_are_prices_times_what_there_is() -> None:
    factors = np.arange(8.0)
    assert MODEL.bits(factors, PictureKind.FORWARD) == pytest.approx(
        sum((1 + place) * place for place in range(8))
    )


def test_bytes_are_told_for_every_picture_of_a_group() -> None:
    generator = torch.Generator().manual_seed(3)
    planes = [128 + 20 * torch.randn(64, 64, generator=generator) for _ in range(4)]
    plans = plan_pictures(4, 8)
    factors = group_factors(planes, plans, 30)
    predicted = predict_bytes(planes, plans, 30, MODEL)
    for each, plan, found in zip(factors, plans, predicted, strict=True):
        assert each.shape == (len(FACTORS),)
        assert found == pytest.approx(MODEL.bits(each, plan.kind) / 8)
    coarse = predict_bytes(planes, plans, 44, MODEL)
    assert all(few < many for few, many in zip(coarse, predicted, strict=True))


def test_intra_pictures_have_the_finest_step_and_those_between_the_coarsest() -> None:
    plans = plan_pictures(10, 8)
    steps = dict(zip([plan.kind for plan in plans], quantizer_steps(plans, 30), strict=True))
    ordered = [steps[kind] for kind in PictureKind]
    assert ordered == sorted(ordered)
    assert quantizer_steps(plans, 36) == pytest.approx([2 * s for s in quantizer_steps(plans, 30)])


def test_a_written_model_is_found_and_others_are_not(folder) -> None:
    write_model(MODEL, folder / "libx265.json")
    assert find_model("libx265") == MODEL
    assert find_model("libx264") is None


def test_a_damaged_model_is_refused_by_its_file(folder) -> None:
    folder.mkdir()
    (folder / "libx265.json").write_text("{}")
    with pytest.raises(ArtifactError, match=r"libx265.json is damaged.*install"):
        find_model("libx265")


@pytest.mark.parametrize(
    "change",
    [
        {"factors": ["units"]},
        {"prices": {}},
        {"prices": {kind.value: [1.0] * 7 for kind in PictureKind}},
        {"prices": {kind.value: [-1.0] * 8 for kind in PictureKind}},
        {"prices": {kind.value: ["1"] * 8 for kind in PictureKind}},
    ],
)
def test_what_are_no_prices_is_refused(change) -> None:
    record = json.loads(json.dumps(MODEL.to_json())) | change
    with pytest.raises(ValueError, match=r"price|factors"):
        model_from_json(record)


def test_a_record_comes_back() -> None:
    assert model_from_json(json.loads(json.dumps(MODEL.to_json()))) == MODEL
