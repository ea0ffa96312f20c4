"""Compact captures, as `prepare-capture` writes them: straight, cropped videos and one JSON file.

capture.json         cameras, timeline, box and split, as bake/captures/compact_record.py says
video/cam00.mp4      color of one camera
mask/cam00.mp4       its alpha, where there are masks
"""

from pathlib import Path

from bake.captures.compact_record import CAPTURE_FILE, CompactCamera, read_compact
from bake.captures.source import Source, Split
from bake.captures.videos import CameraVideo, VideoReader, open_video
from bake.errors import CaptureError


def open_source(path: str) -> Source:
    """Read ``capture.json`` in the folder ``path`` and index its videos.

    Raises:
        CaptureError: naming the file that is missing, damaged or does not fit the others.
    """
    folder = Path(path)
    capture = read_compact(folder)
    masked = [camera.label for camera in capture.cameras if camera.mask is not None]
    if masked and len(masked) < len(capture.cameras):
        raise CaptureError(
            f"{folder / CAPTURE_FILE} has masks of {len(masked)} of {len(capture.cameras)} "
            "cameras, expected all or none; run prepare-capture again"
        )
    cameras = tuple(camera.camera for camera in capture.cameras)
    views = tuple(range(len(cameras)))
    held_out = tuple(view for view in views if capture.cameras[view].is_held_out)
    reader = VideoReader([_videos(folder, camera) for camera in capture.cameras], cameras)
    reader.inspect([capture.frame_count - 1])
    return Source(
        name=folder.resolve().name,
        cameras=cameras,
        labels=tuple(camera.label for camera in capture.cameras),
        views=dict.fromkeys(range(capture.frame_count), views),
        frame_rate=capture.frame_rate,
        aabb=capture.aabb,
        split=Split(tuple(view for view in views if view not in held_out), held_out),
        reader=reader,
    )


def _videos(folder: Path, camera: CompactCamera) -> CameraVideo:
    mask = None if camera.mask is None else open_video(folder / camera.mask)
    return CameraVideo(open_video(folder / camera.video), mask)
