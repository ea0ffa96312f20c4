/**
 * Cameras for the renderer: the twin of `render/cameras.py`, and orbits for a person's hand.
 *
 * Axes follow OpenCV (x right, y down, z forward); pixel centers lie at +0.5.
 */

/**
 * @typedef {object} View a pinhole view in world space, ready to draw
 * @property {number} width in pixels
 * @property {number} height in pixels
 * @property {number[]} position center of projection, scene units
 * @property {number[]} right unit direction of growing columns
 * @property {number[]} down unit direction of growing rows
 * @property {number[]} forward unit viewing direction
 * @property {number} focalX in pixels
 * @property {number} focalY in pixels
 * @property {number} centerX in pixels
 * @property {number} centerY in pixels
 *
 * @typedef {object} OrbitState a view as a person moves it
 * @property {number[]} target the point that stays in the middle, scene units
 * @property {number[]} up unit direction that stays upright
 * @property {number[]} ahead unit direction, across `up`, from which angles count
 * @property {number} azimuth radians around `up`, counterclockwise seen from above
 * @property {number} elevation radians above the horizon, within a right angle
 * @property {number} distance from the target, scene units
 * @property {number} focalPerHeight focal length over picture height
 */

/** Closest to the pole that an orbit gets, in radians; at the pole there is no upright. */
export const POLE_MARGIN = 0.02;

/**
 * The view of a rig camera, exactly that of `pixel_rays`.
 *
 * @param {import("./rig.js").Camera} camera
 * @returns {View}
 */
export function viewOfCamera(camera) {
  const m = camera.worldToCamera;
  const position = [0, 1, 2].map(
    (axis) => -(m[axis] * m[3] + m[4 + axis] * m[7] + m[8 + axis] * m[11]));
  const { width, height, focalX, focalY, centerX, centerY } = camera;
  return {
    width, height, position, right: m.slice(0, 3), down: m.slice(4, 7), forward: m.slice(8, 11),
    focalX, focalY, centerX, centerY,
  };
}

/**
 * The same view at another size; the picture keeps its height's field of view, and the optical
 * axis its place.
 *
 * @param {View} view
 * @param {number} width @param {number} height in pixels
 * @returns {View}
 */
export function fitView(view, width, height) {
  const scale = height / view.height;
  return {
    ...view, width, height,
    focalX: view.focalX * scale,
    focalY: view.focalY * scale,
    centerX: width / 2 + (view.centerX - view.width / 2) * scale,
    centerY: view.centerY * scale,
  };
}

/**
 * The orbit that begins at a start view.
 *
 * @param {import("./scene.js").StartView} start
 * @returns {OrbitState}
 */
export function orbitOfStart(start) {
  const up = unit(start.up);
  const offset = subtract(start.position, start.target);
  const distance = Math.max(length(offset), 1e-6);
  const height = dot(offset, up) / distance;
  const flat = offset.map((value, axis) => value - dot(offset, up) * up[axis]);
  const ahead = length(flat) > 1e-9 * distance ? unit(flat) : anyAcross(up);
  return {
    target: [...start.target], up, ahead, azimuth: 0, distance,
    elevation: clampElevation(Math.asin(Math.min(Math.max(height, -1), 1))),
    focalPerHeight: start.focalPerHeight,
  };
}

/**
 * The view of an orbit at a picture size.
 *
 * @param {OrbitState} state
 * @param {number} width @param {number} height in pixels
 * @returns {View}
 */
export function orbitView(state, width, height) {
  const { target, up, ahead, azimuth, distance } = state;
  const elevation = clampElevation(state.elevation);
  const side = cross(up, ahead);
  const flat = ahead.map(
    (value, axis) => Math.cos(azimuth) * value + Math.sin(azimuth) * side[axis]);
  const outward = flat.map(
    (value, axis) => Math.cos(elevation) * value + Math.sin(elevation) * up[axis]);
  const forward = outward.map((value) => -value);
  const right = unit(cross(forward, up));
  const focal = state.focalPerHeight * height;
  return {
    width, height,
    position: target.map((value, axis) => value + distance * outward[axis]),
    right, down: cross(forward, right), forward,
    focalX: focal, focalY: focal, centerX: width / 2, centerY: height / 2,
  };
}

/**
 * A start view for a package that states none: the first camera, looking at the box.
 *
 * @param {import("./scene_record.js").SceneRecord} record
 * @param {import("./rig.js").Camera[]} cameras may be empty
 * @returns {import("./scene.js").StartView}
 */
export function startViewOf(record, cameras) {
  const [minimum, maximum] = record.aabb;
  const middle = minimum.map((low, axis) => (low + maximum[axis]) / 2);
  if (!cameras.length) {
    const size = length(subtract(maximum, minimum));
    return { position: [middle[0], middle[1] - 1.5 * size, middle[2]], target: middle,
      up: [0, 0, 1], focalPerHeight: 1.2 };
  }
  const view = viewOfCamera(cameras[0]);
  // The point of the optical axis nearest to the middle of the box keeps the camera's own picture.
  const depth = dot(subtract(middle, view.position), view.forward);
  const along = depth > 0 ? depth : length(subtract(middle, view.position));
  return {
    position: view.position,
    target: view.position.map((value, axis) => value + along * view.forward[axis]),
    up: meanUp(cameras),
    focalPerHeight: view.focalY / view.height,
  };
}

/** @param {import("./rig.js").Camera[]} cameras */
function meanUp(cameras) {
  const ups = cameras.map((camera) => viewOfCamera(camera).down.map((value) => -value));
  const sum = [0, 1, 2].map((axis) => ups.reduce((total, up) => total + up[axis], 0));
  return length(sum) > 1e-3 * ups.length ? unit(sum) : ups[0];
}

/** @param {number} angle */
function clampElevation(angle) {
  const limit = Math.PI / 2 - POLE_MARGIN;
  return Math.min(Math.max(angle, -limit), limit);
}

/** @param {number[]} up */
function anyAcross(up) {
  const axis = Math.abs(up[0]) < 0.9 ? [1, 0, 0] : [0, 1, 0];
  return unit(cross(up, axis));
}

/** @param {number[]} a @param {number[]} b */
function dot(a, b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/** @param {number[]} a @param {number[]} b */
function cross(a, b) {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

/** @param {number[]} a @param {number[]} b */
function subtract(a, b) {
  return a.map((value, axis) => value - b[axis]);
}

/** @param {number[]} a */
function length(a) {
  return Math.hypot(...a);
}

/** @param {number[]} a */
function unit(a) {
  const size = length(a);
  return a.map((value) => value / size);
}
