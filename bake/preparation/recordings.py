"""The videos that a rig recorded, one per camera, and who decodes them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bake.captures.videos import videos_in
from bake.errors import CaptureError
from hwcodec import HwcodecError, Movie, MovieDecoder, choose_movie_decoder, open_movie

# Numbers of transfer functions whose codes are far from sRGB's: linear, logarithmic, PQ and HLG.
# Source: ITU-T H.273, table 3.
_FOREIGN_TRANSFERS = {8: "linear light", 9: "a logarithm", 10: "a logarithm", 16: "PQ", 18: "HLG"}

Chooser = Callable[[Path, str], MovieDecoder]
"""Who decodes a file, given what was asked for."""


@dataclass(frozen=True, slots=True, eq=False)
class Recording:
    """The video of one camera, and what decodes it."""

    label: str
    movie: Movie
    decoder: MovieDecoder

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.movie.facts.width, self.movie.facts.height


def find_videos(places: Sequence[Path]) -> dict[str, Path]:
    """Video files by camera, the file's name without ending, out of files and folders.

    Raises:
        CaptureError: if a place does not exist or holds no video, or two are of one camera.
    """
    found: dict[str, Path] = {}
    for place in places:
        more = videos_in(place) if place.is_dir() else {place.stem: place}
        if not more or not all(path.is_file() for path in more.values()):
            raise CaptureError(
                f"there is no video at {place}, expected a file or a folder of files such as "
                "cam00.mp4; check the path"
            )
        for label, path in more.items():
            if label in found and found[label].resolve() != path.resolve():
                raise CaptureError(
                    f"{path} and {found[label]} are both videos of camera {label}, expected one; "
                    "rename or leave out the other"
                )
            found[label] = path
    return {label: found[label] for label in sorted(found)}


def open_recordings(
    files: Mapping[str, Path], decoder: str = "auto", choose: Chooser = choose_movie_decoder
) -> dict[str, Recording]:
    """Index the videos and find out who decodes them, once for each kind of video.

    Raises:
        CaptureError: if a video cannot be used, or the asked decoder does not work.
    """
    chosen: dict[tuple[object, ...], MovieDecoder] = {}
    found = {}
    for label, path in files.items():
        try:
            facts = open_movie(path).facts
            kind = (facts.codec, facts.width, facts.height)
            if kind not in chosen:
                chosen[kind] = choose(path, decoder)
            movie = Movie(path, facts, chosen[kind].device)
            movie.read(0)
            movie.close()
        except HwcodecError as error:
            raise CaptureError(str(error)) from error
        _check_transfer(label, movie)
        found[label] = Recording(label, movie, chosen[kind])
    return found


def _check_transfer(label: str, movie: Movie) -> None:
    transfer = movie.facts.transfer
    if transfer in _FOREIGN_TRANSFERS:
        raise CaptureError(
            f"the video of camera {label} states {_FOREIGN_TRANSFERS[transfer]} as its transfer "
            "function, expected ordinary (SDR) video; export it as BT.709"
        )
