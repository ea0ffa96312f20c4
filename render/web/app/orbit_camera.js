// A camera on a sphere around a target. Axes as in render/cameras.py: right, down, forward.
//
// States are plain frozen values; every function returns a new one, so a gesture can be computed
// from where it began and motion can run from one state to another.

import { add, cross, dot, length, scale, subtract, unit } from "./vectors.js";

/** @typedef {import("./vectors.js").Vector} Vector */

/**
 * @typedef {object} Orbit
 * @property {Vector} target point looked at, world
 * @property {Vector} up axis that yaw turns around, unit
 * @property {number} yaw radians around up
 * @property {number} pitch radians above the plane across up
 * @property {number} roll radians around the viewing direction, kept from rig cameras
 * @property {number} distance from the target, world units
 * @property {number} focalPerHeight focal length in heights of the picture
 */

/**
 * Where a camera is and how it is turned: unit vectors in the world.
 *
 * @typedef {{position: Vector, right: Vector, down: Vector, forward: Vector, focalPerHeight:
 *   number}} Pose
 */

/** Radians; a camera straight above its target would have no right side. */
export const HIGHEST_PITCH = 1.5;
/** Radians per picture height of dragging. */
export const DRAG_TURN = Math.PI;

/**
 * The state that looks from one point at another.
 *
 * @param {{position: Vector, target: Vector, up: Vector, focalPerHeight: number, roll?: number}}
 *   view
 * @returns {Orbit}
 */
export function orbitFrom({ position, target, up, focalPerHeight, roll = 0 }) {
  const axis = unit(up, [0, -1, 0]);
  const offset = subtract(position, target);
  const direction = unit(offset, [0, 0, -1]);
  const [east, north] = plane(axis);
  const height = Math.min(Math.max(dot(direction, axis), -1), 1);
  return Object.freeze({
    target,
    up: axis,
    yaw: Math.atan2(dot(direction, north), dot(direction, east)),
    pitch: clampPitch(Math.asin(height)),
    roll,
    distance: Math.max(length(offset), 1e-6),
    focalPerHeight,
  });
}

/**
 * Where the camera is and how it is turned.
 *
 * @param {Orbit} orbit
 * @returns {Pose}
 */
export function poseOf(orbit) {
  const [east, north] = plane(orbit.up);
  const flat = Math.cos(orbit.pitch);
  const level = add(
    scale(east, flat * Math.cos(orbit.yaw)),
    scale(north, flat * Math.sin(orbit.yaw)),
  );
  const away = add(level, scale(orbit.up, Math.sin(orbit.pitch)));
  const forward = scale(away, -1);
  const flatRight = unit(cross(forward, orbit.up), east);
  const flatDown = cross(forward, flatRight);
  const [c, s] = [Math.cos(orbit.roll), Math.sin(orbit.roll)];
  return {
    position: add(orbit.target, scale(away, orbit.distance)),
    right: add(scale(flatRight, c), scale(flatDown, s)),
    down: add(scale(flatDown, c), scale(flatRight, -s)),
    forward,
    focalPerHeight: orbit.focalPerHeight,
  };
}

/**
 * A picture narrower than this, width over height, shows less height instead of cutting the sides.
 */
export const NARROWEST = 0.7;

/**
 * The engine's view of a state at a picture size.
 *
 * @param {Orbit} orbit
 * @param {number} width in pixels
 * @param {number} height in pixels
 */
export function viewOf(orbit, width, height) {
  const { focalPerHeight, ...pose } = poseOf(orbit);
  const focal = focalPerHeight * Math.min(height, width / NARROWEST);
  const center = { centerX: width / 2, centerY: height / 2 };
  return { width, height, ...pose, focalX: focal, focalY: focal, ...center };
}

/**
 * The state of a pose, looking at the point of its axis that is nearest to `center`.
 *
 * @param {Pose} pose
 * @param {Vector} center of the scene
 * @param {Vector} up of the scene
 * @returns {Orbit}
 */
export function orbitOfPose(pose, center, up) {
  const depth = Math.max(dot(subtract(center, pose.position), pose.forward), 1e-3);
  const target = add(pose.position, scale(pose.forward, depth));
  const focalPerHeight = pose.focalPerHeight;
  const level = orbitFrom({ position: pose.position, target, up, focalPerHeight });
  const flat = poseOf(level);
  const roll = Math.atan2(dot(pose.right, flat.down), dot(pose.right, flat.right));
  return Object.freeze({ ...level, roll });
}

/**
 * Turn by a drag, in picture heights; the scene follows the finger.
 *
 * @param {Orbit} orbit
 * @param {number} dx
 * @param {number} dy
 * @returns {Orbit}
 */
export function turn(orbit, dx, dy) {
  const pitch = clampPitch(orbit.pitch + dy * DRAG_TURN);
  return Object.freeze({ ...orbit, yaw: orbit.yaw - dx * DRAG_TURN, pitch });
}

/**
 * Shift by a drag, in picture heights; the target's depth follows the finger.
 *
 * @param {Orbit} orbit
 * @param {number} dx
 * @param {number} dy
 * @returns {Orbit}
 */
export function pan(orbit, dx, dy) {
  const { right, down } = poseOf(orbit);
  const reach = orbit.distance / orbit.focalPerHeight;
  const shift = add(scale(right, -dx * reach), scale(down, -dy * reach));
  return Object.freeze({ ...orbit, target: add(orbit.target, shift) });
}

/**
 * Come nearer (factor below 1) or go away, within limits.
 *
 * @param {Orbit} orbit
 * @param {number} factor
 * @param {{nearest: number, farthest: number}} limits world units
 * @returns {Orbit}
 */
export function zoom(orbit, factor, { nearest, farthest }) {
  const wanted = orbit.distance * (Number.isFinite(factor) && factor > 0 ? factor : 1);
  return Object.freeze({ ...orbit, distance: Math.min(Math.max(wanted, nearest), farthest) });
}

/**
 * A state on the way from one to another, the short way around.
 *
 * @param {Orbit} from
 * @param {Orbit} to
 * @param {number} share 0 to 1
 * @returns {Orbit} `to` itself once the rest cannot be seen
 */
export function between(from, to, share) {
  const yaw = wrap(to.yaw - from.yaw);
  const roll = wrap(to.roll - from.roll);
  const mix = (/** @type {number} */ a, /** @type {number} */ b) => a + (b - a) * share;
  const moved = Object.freeze({
    target: add(from.target, scale(subtract(to.target, from.target), share)),
    up: to.up,
    yaw: from.yaw + yaw * share,
    pitch: mix(from.pitch, to.pitch),
    roll: from.roll + roll * share,
    distance: mix(from.distance, to.distance),
    focalPerHeight: mix(from.focalPerHeight, to.focalPerHeight),
  });
  return farApart(moved, to) ? moved : to;
}

/** @param {Orbit} a @param {Orbit} b */
function farApart(a, b) {
  const angle = Math.max(Math.abs(wrap(a.yaw - b.yaw)), Math.abs(a.pitch - b.pitch));
  const turned = Math.max(angle, Math.abs(wrap(a.roll - b.roll)));
  const moved = length(subtract(a.target, b.target)) + Math.abs(a.distance - b.distance);
  const lens = Math.abs(a.focalPerHeight - b.focalPerHeight);
  return turned > 5e-4 || moved > 5e-4 * b.distance || lens > 5e-4;
}

/** Two directions across the axis. @param {Vector} axis @returns {[Vector, Vector]} */
function plane(axis) {
  // The world axis that is least along it, so that the cross product is never small.
  const sizes = axis.map(Math.abs);
  const index = sizes.indexOf(Math.min(...sizes));
  /** @type {Vector[]} */
  const axes = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ];
  const east = unit(cross(axes[index], axis));
  return [east, cross(axis, east)];
}

/** @param {number} pitch */
function clampPitch(pitch) {
  return Math.min(Math.max(pitch, -HIGHEST_PITCH), HIGHEST_PITCH);
}

/** An angle within half a turn of 0. @param {number} angle */
function wrap(angle) {
  return angle - 2 * Math.PI * Math.round(angle / (2 * Math.PI));
}
