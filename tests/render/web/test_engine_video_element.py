"""Pictures from a `<video>` element: exact where frames can be copied, calibrated where not."""

from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from hwcodec import (
    YUV420P8,
    PackageContent,
    StreamContent,
    choose_encoder,
    decode,
    open_package,
    write_package,
)
from tests.render.web.packages import Kind, moving_package
from tests.render.web.page_calls import EngineError, call_page
from tests.render.web.test_engine_decoding import DECODE
from tests.render.web.test_engine_drawing import DRAW, expected
from tests.render.web.web_site import TYPES

WITHOUT_FRAMES = "const hidden = VideoFrame; globalThis.VideoFrame = undefined; try {"
RESTORED = "} finally { globalThis.VideoFrame = hidden; }"


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    return moving_package(tmp_path_factory.mktemp("element") / "package", Kind(frames=8))


@pytest.fixture(scope="module")
def unmarked(tmp_path_factory, package) -> Path:
    """The same package whose record does not tell where the marks are."""
    opened = open_package(package)
    scene = opened.scene
    for group in scene["groups"]:
        group.pop("marks")
    choice = choose_encoder("libx264", YUV420P8)
    streams = [
        StreamContent(record["name"], opened.bitstream(index), choice)
        for index, record in enumerate(opened.streams)
    ]
    blobs = {name: opened.blob(name) for name in opened.manifest["blobs"]}
    path = tmp_path_factory.mktemp("unmarked") / "package"
    write_package(path, PackageContent(scene, blobs, streams))
    return path


def pictures_of(package: Path, index: int) -> list[np.ndarray]:
    return [p.luma.numpy() for p in decode(open_package(package).bitstream(index))]


def test_pictures_that_play_are_exact_in_order_and_say_their_frame(run, site, package) -> None:
    found = run(DECODE, url=site.mount("element", package), route="video", groups=[1])
    assert set(found["routes"]) == {"video"}
    frames = found["frames"]
    # An element may leave pictures out, but neither the first nor the last one.
    assert frames == sorted(set(frames))
    assert (frames[0], frames[-1]) == (8, 15)
    exact = pictures_of(package, 1)
    assert np.array_equal(
        found["bytes"], np.concatenate([exact[frame - 8].ravel() for frame in frames])
    )


@pytest.mark.parametrize("wanted", [0, 3, 5, 6, 7])
def test_a_seek_shows_the_wanted_frame(run, site, package, wanted) -> None:
    given = {"route": "video", "groups": [0], "stop": 1, "from": wanted}
    found = run(DECODE, url=site.mount("element", package), **given)
    assert found["frames"] == [wanted]
    assert np.array_equal(found["bytes"], pictures_of(package, 0)[wanted].ravel())


def test_a_taker_that_rests_misses_nothing(run, site, package) -> None:
    body = """
      const { openPackage } = await engine("package");
      const { GroupDecoder } = await engine("decoder");
      const fetched = await (await openPackage(given.url)).fetchGroup(0);
      const frames = [];
      for await (const picture of new GroupDecoder({ route: "video" }).decode(fetched)) {
        frames.push(picture.frameIndex);
        picture.close();
        await new Promise((resolve) => setTimeout(resolve, 250));
      }
      return [frames, document.querySelectorAll("video").length]"""
    assert run(body, url=site.mount("element", package)) == [list(range(8)), 0]


def test_leaving_early_removes_the_element(run, site, package) -> None:
    body = """
      const { openPackage } = await engine("package");
      const { GroupDecoder } = await engine("decoder");
      const fetched = await (await openPackage(given.url)).fetchGroup(0);
      for await (const picture of new GroupDecoder({ route: "video" }).decode(fetched)) {
        picture.close();
        break;
      }
      return document.querySelectorAll("video").length"""
    assert run(body, url=site.mount("element", package)) == 0


@pytest.mark.parametrize("decoder", [{"route": "video"}, {"prefer": "texture"}], ids=str)
def test_pictures_uploaded_as_colors_draw_the_same(run, site, package, decoder) -> None:
    from render.scene import open_scene

    scene = open_scene(package)
    hide = decoder.get("route") == "video"
    body = f"{WITHOUT_FRAMES}{DRAW}{RESTORED}" if hide else DRAW
    frames, views = [1, 9], [0, 4]
    url = site.mount("element", package)
    found = run(body, url=url, frames=frames, views=views, isFloat=True, decoder=decoder)
    assert set(found["routes"]) == {decoder.get("prefer", "video")}
    ours = found["all"].reshape(-1, 48, 48, 4)
    theirs = expected(scene, frames, [scene.cameras[view] for view in views])
    error = np.abs(ours - theirs)
    # Neutral colors lead back to the codes; the border, which browsers blur, has no texel.
    assert error.mean() < 1e-6
    assert error.max() <= 1 / 255


def test_colors_without_marks_are_refused_in_words(run, site, unmarked) -> None:
    body = f"{WITHOUT_FRAMES}{DECODE}{RESTORED}"
    with pytest.raises(EngineError, match="has no marks") as caught:
        run(body, url=site.mount("unmarked", unmarked), route="video", groups=[0])
    assert caught.value.kind == "unsupported"


def test_a_stream_that_the_element_refuses_ends_in_a_sentence(run, site, package) -> None:
    body = """
      const { openPackage } = await engine("package");
      const { playPictures } = await engine("video_route");
      const { BufferPool } = await engine("pictures");
      const fetched = await (await openPackage(given.url)).fetchGroup(0);
      fetched.streamBytes.fill(7, 0, 1000);
      const work = { fetched, first: 0, marks: null, framesPerSecond: 25 };
      for await (const picture of playPictures(work, new BufferPool())) picture.close();"""
    with pytest.raises(EngineError, match="The video element has not") as caught:
        run(body, url=site.mount("element", package))
    assert caught.value.kind == "decoder"


def test_what_the_browser_can_do_is_said_with_a_reason(run) -> None:
    body = """
      const { capabilities, canPlay } = await engine("capabilities");
      const strings = ["avc1.640020", "hvc1.1.6.L93.B0", "nonsense"];
      const found = await capabilities(strings);
      return { found, playable: strings.map((one) => canPlay(found, one)) }"""
    answer = run(body)
    found = answer["found"]
    assert found["route"] == "webcodecs"
    assert found["hasWebGl"]
    assert found["max3dTextureSize"] >= 256
    assert answer["playable"][0] is True
    assert answer["playable"][2] is False
    assert found["reason"].endswith(".")


def test_over_plain_http_from_elsewhere_the_element_takes_over(browser, site, package) -> None:
    site.mount("element", package)
    context = browser.new_context()
    try:
        page = context.new_page()

        def fulfill(route) -> None:
            path = urlsplit(route.request.url).path
            status, body = site.answer(path)
            kind = TYPES.get(Path(path).suffix, "application/octet-stream")
            route.fulfill(status=status, body=body, content_type=kind)

        page.route("**/*", fulfill)
        page.goto("http://player.test/empty.html")
        assert page.evaluate("[isSecureContext, typeof VideoDecoder]") == [False, "undefined"]
        found = call_page(page, DECODE, {"url": "http://player.test/element/", "groups": [0]})
        reason = "return (await engine('capabilities')).capabilities()"
        capabilities = call_page(page, reason, {})
    finally:
        context.close()
    assert set(found["routes"]) == {"video"}
    assert (found["frames"][0], found["frames"][-1]) == (0, 7)
    exact = pictures_of(package, 0)
    wanted = np.concatenate([exact[frame].ravel() for frame in found["frames"]])
    assert np.array_equal(found["bytes"], wanted)
    assert capabilities["route"] == "video"
    assert "only over HTTPS" in capabilities["reason"]
