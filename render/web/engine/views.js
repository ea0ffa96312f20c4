/**
 * Views for the renderer from cameras of the rig; the twin of `render/cameras.py`.
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
 */

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

/** @param {number[]} a @param {number[]} b */
function dot(a, b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
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
