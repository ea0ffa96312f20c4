// One open scene that plays: rungs, transport, camera and stage, joined. The page around it
// listens.

import { CameraMotion } from "./camera_motion.js";
import { Failures } from "./failures.js";
import { RateMeter } from "./meters.js";
import * as messages from "./messages.js";
import { RungControl } from "./rung_control.js";
import { Stage } from "./stage.js";
import { Transport } from "./transport.js";

/** Milliseconds between looks at what to fetch next. */
const PREFETCH = 250;

/**
 * Fires `scene` (title and poster are known), `change`, `message` (detail: a Message) and `clear`
 * (detail: the key of one that is over).
 */
export class Player extends EventTarget {
  /**
   * @param {any} engine as `engine.js` offers it
   * @param {HTMLCanvasElement} canvas
   * @param {{loop: boolean, still: boolean, route: string}} options `still`: the camera does not
   *   glide
   */
  constructor(engine, canvas, { loop, still, route }) {
    super();
    this.engine = engine;
    this.canvas = canvas;
    this.options = { loop, still };
    this.route = route;
    this.usedRoute = "";
    this.frames = new RateMeter();
    this.fatal = false;
    this.errorCount = 0;
    /** @type {number | null} the frame that the picture itself says it is */
    this.mark = null;
    /** @type {any} */
    this.scene = null;
    /** @type {any} what was shown last */
    this.item = null;
    this.lastTurn = 0;
    this.nextPrefetch = 0;
    this.request = 0;
    this.control = new AbortController();
  }

  /**
   * Open a scene; nothing shows before `seek` or `play`.
   *
   * @param {string} url
   */
  async open(url) {
    const { engine, canvas } = this;
    const scene = await engine.openScene(url, { signal: this.control.signal });
    this.scene = scene;
    this.dispatchEvent(new Event("scene"));
    const playable = await engine.playableRungs(scene);
    const renderer = await engine.createRenderer(canvas, { signal: this.control.signal });
    this.stage = new Stage(canvas, renderer, { frameRate: scene.frameRate });
    this.camera = new CameraMotion({
      startView: scene.startView,
      poses: scene.cameras.map((/** @type {any} */ camera) => engine.poseOfCamera(camera)),
      still: this.options.still,
    });
    this.rungs = new RungControl(scene, {
      build: engine.buildGroup,
      playable,
      onSwitch: () => this.announce(),
      onFailure: (error, rung, instead) => this.failures?.tellRung(error, rung, instead),
    });
    const tell = (/** @type {messages.Message} */ message) => this.tell(message);
    this.failures = new Failures({ scene, rungs: this.rungs, tell });
    this.rungs.loop = this.options.loop;
    this.transport = new Transport(this.source(), {
      frameCount: scene.frameCount,
      frameRate: scene.frameRate,
      loop: this.options.loop,
      onReady: () => this.wake(),
    });
    this.listenToGraphics();
  }

  /** @returns {boolean} */
  get playing() {
    return this.transport?.clock.playing ?? false;
  }

  play() {
    if (this.fatal || this.failures?.isFinal) return;
    this.transport?.play(performance.now());
    this.announce();
  }

  pause() {
    this.transport?.pause(performance.now());
    this.announce();
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  /** @param {number} frame @returns {Promise<number>} the frame on screen, see `Transport.seek` */
  seek(frame) {
    if (!this.transport) return Promise.reject(new Error("No scene is open."));
    const arrival = this.transport.seek(frame, performance.now());
    this.announce();
    return arrival;
  }

  /** Pause and go some frames on or back. @param {number} count */
  step(count) {
    if (!this.transport || !this.scene) return;
    this.transport.pause(performance.now());
    const { frameCount } = this.scene;
    const frame = this.transport.frame + count;
    const wrapped = this.transport.clock.loop
      ? ((frame % frameCount) + frameCount) % frameCount
      : frame;
    this.seek(wrapped).catch(() => {});
  }

  /** @param {boolean} loop */
  setLoop(loop) {
    if (!this.transport || !this.rungs) return;
    this.rungs.loop = loop;
    this.transport.setLoop(loop, performance.now());
    this.announce();
  }

  /** By hand, or null for automatic; takes effect at once. @param {number | null} rung */
  setRung(rung) {
    if (!this.rungs || !this.transport) return;
    this.rungs.choose(rung);
    if (rung !== null && rung !== this.rungs.current) this.restart();
    this.announce();
  }

  /** How luma reaches the shader. @param {string} route */
  setRoute(route) {
    this.route = route;
    this.restart();
    this.announce();
  }

  /**
   * The tab is shown or hidden; a hidden one plays nothing, and does not count what it missed.
   *
   * @param {boolean} shown
   */
  visible(shown) {
    if (!shown && this.playing) this.transport?.clock.hold(performance.now());
    this.wake();
  }

  /** Draw again soon. */
  wake() {
    if (this.request || this.control.signal.aborted) return;
    this.request = requestAnimationFrame((now) => {
      this.request = 0;
      this.turn(now);
    });
  }

  /** The page changed its size. */
  resize() {
    this.stage?.measure();
    this.wake();
  }

  /** Free everything. */
  close() {
    this.control.abort();
    cancelAnimationFrame(this.request);
    this.transport?.close();
    this.rungs?.close();
    this.stage?.dispose();
    this.engine.stop();
  }

  restart() {
    if (!this.transport || this.fatal || this.failures?.isFinal) return;
    this.transport.refresh(performance.now()).catch(() => {});
  }

  /** @param {number} now */
  turn(now) {
    const { stage, transport, camera } = this;
    if (!stage || !transport || !camera) return;
    const item = transport.tick(now);
    try {
      if (item) this.take(item, now);
      const glides = camera.tick(now - this.lastTurn);
      this.lastTurn = now;
      if (glides) stage.dirty = true;
      const moving = this.playing || camera.moving || glides;
      const drew = stage.draw(now, (width, height) => camera.view(width, height), moving);
      if (drew) this.dispatchEvent(new Event("draw"));
      stage.getReady(this.following());
    } catch (error) {
      this.graphicsFailed(error);
    }
    if (item) transport.confirm(item);
    this.prefetch(now);
    if (this.playing || camera.moving || transport.target !== null || stage.unsettled) this.wake();
    else stage.rest();
    this.announce();
  }

  /** @param {any} item @param {number} now */
  take(item, now) {
    this.noteRoute(item.picture.route);
    const { picture, ...rest } = item;
    this.mark = this.engine.readMark(picture, item.pkg.groups[item.group]);
    this.stage?.show(item);
    this.item = rest;
    this.failures?.pass();
    this.frames.add(now);
    this.dispatchEvent(new CustomEvent("clear", { detail: "connection" }));
  }

  /** What is drawn after the group on screen: as the feed has it, or as it should come. */
  following() {
    const { stage, transport, rungs, item } = this;
    if (!stage || !item) return null;
    return transport?.feed?.change(stage.tables) ?? rungs?.following(item.frame) ?? null;
  }

  /** Say it where pictures come by another route than the exact one. @param {string} route */
  noteRoute(route) {
    const isNews = route === "video" && this.usedRoute === "" && this.route === "auto";
    this.usedRoute = route;
    if (isNews)
      this.tell(
        messages.routeNotice(this.engine.found?.reason ?? "This browser has no WebCodecs."),
      );
  }

  /** @param {number} now */
  prefetch(now) {
    if (now < this.nextPrefetch || !this.item || !this.rungs) return;
    this.nextPrefetch = now + PREFETCH;
    this.rungs.ahead(this.item.frame);
  }

  /** @returns {import("./picture_feed.js").Source} */
  source() {
    return {
      choose: (frame) => /** @type {RungControl} */ (this.rungs).source(frame),
      decode: (job) => this.engine.decode(job, { route: this.route }),
      onError: (error, where) => /** @type {Failures} */ (this.failures).judge(error, where),
    };
  }

  listenToGraphics() {
    const { signal } = this.control;
    this.canvas.addEventListener("webglcontextlost", () => this.tell(messages.graphicsLost()), {
      signal,
    });
    this.canvas.addEventListener(
      "webglcontextrestored",
      () => {
        this.dispatchEvent(new CustomEvent("clear", { detail: "graphics" }));
        this.stage?.forget();
        this.restart();
      },
      { signal },
    );
  }

  /** @param {any} error */
  graphicsFailed(error) {
    if (this.stage?.renderer.isLost) return;
    this.fatal = true;
    this.transport?.pause(performance.now());
    this.tell({
      ...messages.openingFailed(error, { online: true }),
      title: "Nothing can be drawn",
    });
  }

  /** @param {import("./messages.js").Message} message */
  tell(message) {
    if (message.weight !== "notice") this.errorCount += 1;
    this.dispatchEvent(new CustomEvent("message", { detail: message }));
  }

  announce() {
    this.dispatchEvent(new Event("change"));
  }
}
