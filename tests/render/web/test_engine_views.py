"""Views of rig cameras are those of Python; groups are built off the page's thread."""

import numpy as np
import pytest

from render.cameras import Camera, Lens, look_at
from render.rig import decode_rig, encode_rig
from tests.render.web.page_calls import EngineError

LENS = Lens(160, 90, 135.0)
VIEWS = """
  const { decodeRig } = await engine("rig");
  const { viewOfCamera, startViewOf } = await engine("views");
  const cameras = decodeRig(given.rig);
  const record = { aabb: given.aabb };
  return { views: cameras.map(viewOfCamera), start: startViewOf(record, cameras) }"""
AABB = [[-1, -2, 0], [1, 2, 3]]
EYES = [(2.0, -1.0, 1.5), (-3.0, 0.5, 0.2), (0.1, 4.0, 7.0)]


def cameras() -> list[Camera]:
    return [look_at(eye, (0.1, 0.2, 0.9), (0, 0, 1), lens=LENS) for eye in EYES]


def test_a_rig_camera_gives_the_view_of_python(run) -> None:
    found = run(VIEWS, rig=encode_rig(cameras()), aabb=AABB)["views"]
    for view, camera in zip(found, decode_rig(encode_rig(cameras())), strict=True):
        assert view["position"] == pytest.approx(camera.position.tolist(), abs=1e-12)
        rows = [view["right"], view["down"], view["forward"]]
        # Lengths may be rounded differently in the last bit.
        assert np.allclose(rows, camera.world_to_camera[:3, :3], rtol=0, atol=1e-12)
        assert (view["width"], view["height"]) == (160, 90)
        assert (view["focalX"], view["focalY"]) == (135, 135)
        assert (view["centerX"], view["centerY"]) == (80, 45)


def test_without_a_stated_start_the_first_camera_sees_the_middle_of_the_box(run) -> None:
    start = run(VIEWS, rig=encode_rig(cameras()), aabb=AABB)["start"]
    camera = cameras()[0]
    assert start["position"] == pytest.approx(camera.position.tolist(), abs=1e-5)
    assert start["focalPerHeight"] == pytest.approx(1.5)
    # On the optical axis, at the depth of the middle.
    pixels, depth = camera.project([start["target"]])
    assert pixels[0] == pytest.approx([80, 45], abs=1e-3)
    assert depth[0] == pytest.approx(camera.project([[0, 0, 1.5]])[1][0], abs=1e-5)
    assert start["up"][2] > 0.5


def test_without_cameras_the_start_stands_before_the_box(run) -> None:
    start = run(VIEWS, rig=encode_rig([]), aabb=AABB)["start"]
    assert start["target"] == [0, 0, 1.5]
    assert start["position"][1] < -2


@pytest.mark.parametrize(("place", "value"), [(4, 0), (6, 0), (8, np.nan), (8, -1.0), (44, np.inf)])
def test_a_camera_that_cannot_exist_is_refused(run, place, value) -> None:
    data = bytearray(encode_rig(cameras()))
    kind = np.uint16 if place < 8 else np.float32
    data[place : place + kind().nbytes] = kind(value).tobytes()
    with pytest.raises(EngineError, match="cannot exist") as caught:
        run(VIEWS, rig=bytes(data), aabb=AABB)
    assert caught.value.kind == "damaged"


BUILD = """
  const { buildGroup, stopGroupWorker } = await engine("groups");
  const pkg = { record: { grid: given.grid, block_size: 8,
    groups: [{ layout: { rows: 16, columns: 16 } }] } };
  const original = globalThis.Worker;
  if (given.broken) globalThis.Worker = given.broken === "throws"
    ? class { constructor() { throw new Error("no workers"); } }
    : class extends original { constructor() { super("/nothing.js", { type: "module" }); } };
  try {
    const fetched = { occupancyBytes: given.data };
    const built = await Promise.all([1, 2].map(() => buildGroup(pkg, 0, fetched)));
    return { cells: built[0].cells, other: built[1].cells, left: given.data.length };
  } finally {
    await stopGroupWorker();
    globalThis.Worker = original;
  }"""


@pytest.mark.parametrize("broken", [None, "throws", "missing"])
def test_tables_are_the_same_with_and_without_a_worker(run, broken) -> None:
    from render.occupancy_codec import encode_occupancy

    vertices = np.random.default_rng(2).random((7, 6, 9)) < 0.3
    found = run(BUILD, grid=[7, 6, 9], data=encode_occupancy(vertices), broken=broken)
    assert np.array_equal(found["cells"], found["other"])
    assert found["cells"].size == 6 * 5 * 8
    # The bytes stay with the page: a group may be built again.
    assert found["left"] > 0


@pytest.mark.parametrize("broken", [None, "throws"])
def test_damage_found_in_the_worker_reads_as_on_the_page(run, broken) -> None:
    with pytest.raises(EngineError, match="Occupancy data") as caught:
        run(BUILD, grid=[7, 6, 9], data=b"\1\2\3", broken=broken)
    assert caught.value.kind == "damaged"
