"""Views and the worker: orbits look at their target, groups are built off the page's thread."""

import numpy as np
import pytest

from render.cameras import Lens, look_at
from tests.render.web.page_calls import EngineError

START = {"position": [2.0, -1.0, 1.5], "target": [0.1, 0.2, 0.9], "up": [0, 0, 1]}
ORBIT = """
  const { orbitOfStart, orbitView } = await engine("views");
  return orbitView({...orbitOfStart(given.start), ...given.change}, 160, 90)"""


def test_an_orbit_begins_where_look_at_would_stand(run) -> None:
    view = run(ORBIT, start={**START, "focalPerHeight": 1.5}, change={})
    camera = look_at(START["position"], START["target"], START["up"], lens=Lens(160, 90, 135.0))
    assert view["position"] == pytest.approx(list(camera.position))
    assert view["forward"] == pytest.approx(list(camera.forward))
    assert view["down"] == pytest.approx(list(-camera.up))
    assert view["right"] == pytest.approx(list(camera.world_to_camera[0, :3]))
    assert (view["focalX"], view["focalY"]) == (135, 135)
    assert (view["centerX"], view["centerY"]) == (80, 45)


@pytest.mark.parametrize("azimuth", [-7.0, 0.5, 3.0])
@pytest.mark.parametrize("elevation", [-9.0, -1.0, 0.0, 1.5, 9.0])
def test_every_orbit_is_a_rigid_camera_that_sees_its_target(run, azimuth, elevation) -> None:
    start = {**START, "focalPerHeight": 1.0}
    view = run(ORBIT, start=start, change={"azimuth": azimuth, "elevation": elevation})
    rotation = np.array([view["right"], view["down"], view["forward"]])
    assert np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(rotation) == pytest.approx(1)
    ahead = np.array(START["target"]) - view["position"]
    assert ahead / np.linalg.norm(ahead) == pytest.approx(view["forward"])
    # Upright: the right side is level.
    assert view["right"][2] == pytest.approx(0, abs=1e-12)


def test_an_orbit_from_straight_above_has_an_upright(run) -> None:
    start = {"position": [0, 0, 5], "target": [0, 0, 1], "up": [0, 0, 2], "focalPerHeight": 1}
    view = run(ORBIT, start=start, change={})
    assert np.isfinite([view["right"], view["down"], view["forward"]]).all()
    assert view["forward"][2] == pytest.approx(-1, abs=1e-3)


def test_a_view_fitted_to_another_size_keeps_its_height(run) -> None:
    view = {"width": 100, "height": 50, "focalX": 60, "focalY": 61, "centerX": 52, "centerY": 24}
    body = "return (await engine('views')).fitView(given.view, 400, 100)"
    found = run(body, view=view)
    assert (found["focalX"], found["focalY"]) == (120, 122)
    assert (found["centerX"], found["centerY"]) == (204, 48)


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
