"""The orbit camera, its motion, and the hands that move it: tried without a picture."""

import math

import numpy as np
import pytest

from render.cameras import Lens, look_at, pixel_rays

ORBIT = """
  const orbits = await import('/app/orbit_camera.js');
  const start = orbits.orbitFrom(given.start);
"""
START = {"position": [0, -4, 1], "target": [0, 0, 0.5], "up": [0, 0, 1], "focalPerHeight": 1.2}


def pose(run, change: str = "start", start=None) -> dict[str, np.ndarray]:
    body = ORBIT + f"return orbits.poseOf({change});"
    answer = run(body, start=start or START)
    return {key: np.array(value) for key, value in answer.items()}


def test_the_start_view_is_the_one_asked_for(run) -> None:
    seen = pose(run)
    assert seen["position"] == pytest.approx([0, -4, 1], abs=1e-9)
    wanted = np.array([0, 4, -0.5]) / np.hypot(4, 0.5)
    assert seen["forward"] == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("up", [[0, 0, 1], [0, -1, 0], [0, 1, 0], [1, 0, 0], [0.3, -0.9, 0.2]])
@pytest.mark.parametrize("change", ["start", "orbits.turn(start, 0.3, -0.2)"])
def test_axes_are_right_handed_and_of_unit_length_whatever_is_up(run, up, change) -> None:
    start = {"position": [1, -3, 2], "target": [0.1, 0.2, 0.3], "up": up, "focalPerHeight": 1}
    seen = pose(run, change, start)
    axes = np.stack([seen["right"], seen["down"], seen["forward"]])
    assert axes @ axes.T == pytest.approx(np.eye(3), abs=1e-9)
    assert np.linalg.det(axes) == pytest.approx(1)
    assert seen["down"] @ np.array(up) < 0


def test_the_scene_follows_the_hand(run) -> None:
    before, after = pose(run), pose(run, "orbits.turn(start, 0.1, 0)")
    # Dragging to the right moves the camera to its left, and the target stays where it is.
    assert (after["position"] - before["position"]) @ before["right"] < 0
    raised = pose(run, "orbits.turn(start, 0, 0.1)")
    assert raised["position"][2] > before["position"][2]
    target = np.array(START["target"])
    for seen in (after, raised):
        assert np.linalg.norm(seen["position"] - target) == pytest.approx(np.hypot(4, 0.5))
        middle = target - seen["position"]
        assert middle / np.linalg.norm(middle) == pytest.approx(seen["forward"], abs=1e-9)


def test_a_point_at_the_target_stays_under_the_finger_when_panning(run) -> None:
    before, after = pose(run), pose(run, "orbits.pan(start, 0.1, -0.05)")
    moved = np.array(START["target"]) - after["position"]
    share = np.array([moved @ after["right"], moved @ after["down"]]) / (moved @ after["forward"])
    assert 1.2 * share == pytest.approx([0.1, -0.05], abs=1e-9)
    assert after["forward"] == pytest.approx(before["forward"], abs=1e-9)


@pytest.mark.parametrize("dy", [-50, -1, 1, 50, 1e9])
def test_no_drag_turns_the_camera_over(run, dy) -> None:
    seen = pose(run, f"orbits.turn(start, 0, {dy})")
    assert np.isfinite(np.concatenate([value.ravel() for value in seen.values()])).all()
    assert abs(seen["forward"][2]) < 1
    assert seen["down"][2] < 0


def test_zooming_stays_within_its_limits_and_ignores_nonsense(run) -> None:
    body = (
        ORBIT
        + """
      const limits = { nearest: 1, farthest: 9 };
      const factors = [0.5, 1e-9, 1e9, 0, -1, NaN, Infinity];
      return factors.map((factor) => orbits.zoom(start, factor, limits).distance);"""
    )
    distance = math.hypot(4, 0.5)
    assert run(body, start=START) == pytest.approx([distance / 2, 1, 9, *[distance] * 4])


@pytest.mark.parametrize("roll", [0.0, 0.4, -2.0])
def test_a_rig_camera_is_taken_over_exactly_with_its_roll(run, roll) -> None:
    body = """
      const orbits = await import('/app/orbit_camera.js');
      return orbits.poseOf(orbits.orbitOfPose(given.pose, [0, 0, 0.4], [0, 0, 1]));"""
    seen = pose(run)
    cosine, sine = math.cos(roll), math.sin(roll)
    right = cosine * seen["right"] + sine * seen["down"]
    down = cosine * seen["down"] - sine * seen["right"]
    given = {**seen, "right": right, "down": down}
    got = run(body, pose={key: np.asarray(value).tolist() for key, value in given.items()})
    for key, value in given.items():
        assert np.array(got[key]) == pytest.approx(value, abs=1e-9), key


def test_a_view_has_the_rays_of_the_python_camera(run) -> None:
    body = ORBIT + "return orbits.viewOf(start, 64, 48);"
    view = run(body, start=START)
    lens = Lens(64, 48, 1.2 * 48)
    rays_there = pixel_rays(look_at(START["position"], START["target"], START["up"], lens=lens))
    origins, directions = rays_there.origins.numpy(), rays_there.directions.numpy()
    basis = np.array([view["right"], view["down"], view["forward"]])
    rows, columns = np.mgrid[0:48, 0:64] + 0.5
    planar = [
        (columns - view["centerX"]) / view["focalX"],
        (rows - view["centerY"]) / view["focalY"],
    ]
    rays = np.stack([*planar, np.ones_like(rows)], -1).reshape(-1, 3) @ basis
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    assert rays == pytest.approx(directions, abs=1e-5)
    assert view["position"] == pytest.approx(origins[0], abs=1e-5)


def test_a_narrow_picture_shows_less_height_instead_of_cutting_the_sides(run) -> None:
    body = ORBIT + "return given.sizes.map(([w, h]) => orbits.viewOf(start, w, h).focalX);"
    wide, square, phone = run(body, start=START, sizes=[[900, 500], [500, 500], [390, 844]])
    assert wide == square == pytest.approx(600)
    assert phone == pytest.approx(1.2 * 390 / 0.7)


MOTION = """
  const { CameraMotion } = await import('/app/camera_motion.js');
  const { poseOf, orbitFrom, turn } = await import('/app/orbit_camera.js');
  const poses = [poseOf(turn(orbitFrom(given.start), 0.9, 0.1))];
  const camera = new CameraMotion({ startView: given.start, poses, still: given.still });
  const run = (turns) => { let count = 0; while (camera.tick(16) && count < turns) count++;
                           return count; };
"""


def test_a_flight_to_a_camera_arrives_exactly_and_ends(run) -> None:
    body = (
        MOTION
        + """
      camera.choose(0);
      const turns = run(500);
      return [turns, camera.current === camera.presets[0], camera.preset, camera.moving];"""
    )
    turns, arrived, preset, moving = run(body, start=START, still=False)
    assert 10 < turns < 200
    assert (arrived, preset, moving) == (True, 0, False)


def test_with_reduced_motion_the_camera_jumps(run) -> None:
    body = MOTION + "camera.choose(0); return [camera.tick(16), camera.tick(16)];"
    assert run(body, start=START, still=True) == [True, False]


def test_a_hand_leaves_the_preset_and_reset_returns_to_the_start(run) -> None:
    body = (
        MOTION
        + """
      camera.choose(0); camera.move({ kind: 'turn', dx: 20, dy: 5 }, 400);
      const left = camera.preset;
      camera.reset(); run(500);
      return [left, camera.current === camera.start, camera.choose(7), camera.choose(null)];"""
    )
    assert run(body, start=START, still=False) == [None, True, False, True]


GESTURE = """
  const { Gesture, wheelFactor } = await import('/app/gestures.js');
  const gesture = new Gesture();
"""


def test_one_pointer_turns_and_a_second_button_pans(run) -> None:
    body = (
        GESTURE
        + """
      gesture.down(1, { x: 10, y: 10 }, false);
      const turned = gesture.move(1, { x: 15, y: 8 });
      gesture.up(1, 1000);
      gesture.down(1, { x: 10, y: 10 }, true);
      return [...turned, ...gesture.move(1, { x: 15, y: 8 }), gesture.move(9, { x: 0, y: 0 })];"""
    )
    turned, panned, stranger = run(body)
    assert turned == {"kind": "turn", "dx": 5, "dy": -2}
    assert panned == {"kind": "pan", "dx": 5, "dy": -2}
    assert stranger == []


def test_two_fingers_pan_by_their_middle_and_pinch_by_their_distance(run) -> None:
    body = (
        GESTURE
        + """
      gesture.down(1, { x: 0, y: 0 }, false);
      gesture.down(2, { x: 100, y: 0 }, false);
      const apart = gesture.move(2, { x: 200, y: 0 });
      gesture.down(3, { x: 5, y: 5 }, false);
      return [...apart, gesture.move(3, { x: 50, y: 50 })];"""
    )
    pan, zoom, third = run(body)
    assert pan == {"kind": "pan", "dx": 50, "dy": 0}
    assert zoom == {"kind": "zoom", "factor": 0.5}
    assert third == []


@pytest.mark.parametrize(
    ("taps", "kinds"),
    [
        ([(10, 10, 0), (12, 11, 200)], ["tap", "doubleTap"]),
        ([(10, 10, 0), (12, 11, 900)], ["tap", "tap"]),
        ([(10, 10, 0), (300, 11, 200)], ["tap", "tap"]),
        ([(10, 10, 0), (10, 10, 200), (10, 10, 400)], ["tap", "doubleTap", "tap"]),
    ],
)
def test_a_double_tap_is_two_quick_taps_at_one_place(run, taps, kinds) -> None:
    body = (
        GESTURE
        + """
      return given.taps.map(([x, y, time]) => {
        gesture.down(1, { x, y }, false);
        return gesture.up(1, time);
      });"""
    )
    assert run(body, taps=taps) == kinds


def test_a_drag_or_a_pinch_is_no_tap(run) -> None:
    body = (
        GESTURE
        + """
      gesture.down(1, { x: 0, y: 0 }, false); gesture.move(1, { x: 40, y: 0 });
      const drag = gesture.up(1, 10);
      gesture.down(1, { x: 0, y: 0 }, false); gesture.down(2, { x: 9, y: 0 }, false);
      return [drag, gesture.up(2, 20), gesture.up(1, 30), gesture.up(5, 40)];"""
    )
    assert run(body) == [None, None, None, None]


def test_the_wheel_zooms_alike_in_pixels_and_lines_and_never_leaps(run) -> None:
    body = (
        GESTURE
        + """
      return [[100, 0], [-100, 0], [100 / 16, 1], [1e6, 0], [0, 0]]
        .map(([deltaY, deltaMode]) => wheelFactor({ deltaY, deltaMode }));"""
    )
    out, into, lines, leap, still = run(body)
    assert out > 1 > into
    assert out * into == pytest.approx(1)
    assert lines == pytest.approx(out)
    assert leap < 1.5
    assert still == 1
