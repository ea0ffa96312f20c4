"""Evaluations and benchmarks as JSON for programs and as aligned text for people."""

from collections.abc import Mapping
from typing import Any

from benchmarks.evaluate import Evaluation
from benchmarks.metrics import PSNR_CAP_DB, SSIM_SIGMA, SSIM_WINDOW
from benchmarks.output import UNKNOWN, aligned, decibel_text, describe_environment, number_text
from benchmarks.provenance import Environment
from benchmarks.stopwatch import Rate
from benchmarks.subject import Subject
from hwcodec import Package
from render.drawing import RendererChoice
from render.scene import NETWORK_BLOB, RIG_BLOB, BakedScene

KIB = 1024

DEFINITIONS: Mapping[str, str] = {
    "psnr": "dB, peak 1, over all pixels and colors of the 8-bit picture in sRGB; mean of the "
    f"values per picture, each capped at {PSNR_CAP_DB:g}",
    "psnr_foreground": "the same over the pixels whose true alpha is above 0.5 alone",
    "ssim": f"Gaussian window {SSIM_WINDOW}x{SSIM_WINDOW}, sigma {SSIM_SIGMA}, data range 1, "
    "per color and averaged, full windows only; mean of the values per picture",
    "temporal_psnr": "PSNR between the change of the rendered and of the true picture from one "
    "frame to the next at the same view; mean over pairs; null without neighboring frames",
    "psnr_bake": "psnr of the texels before quantization and encoding, same pictures",
    "codec_loss_db": "psnr_bake minus psnr",
    "bytes_total": "every byte of the package on disk, manifest and tables included",
    "per_frame.bytes": "the frame's packet, its share of what its group needs beside packets, and "
    "its share of what the whole package needs; the sum over frames is bytes_total",
    "luma_fps": "packets in memory to luma planes in tensors, frames per second, without the time "
    "of opening the decoder for one frame",
    "decode_fps": "packets in memory to float32 atlas tensors, frames per second, likewise",
    "field_fps": "atlas tensor to what the renderer draws from, such as a field, frames per second",
    "render_fps": "views per second at the evaluated size from such a frame in memory, warmed up; "
    "renderer and device say what drew them",
    "encode_fps": "frames per second of packing and encoding; null where it was not observed",
}


def describe_package(scene: BakedScene) -> dict[str, Any]:
    """What was encoded how, from the package itself; the first stream speaks for all."""
    stream = scene.package.streams[0]
    names = ("codec", "codec_string", "backend", "encoder", "requested", "reason")
    return {
        "package": scene.package.path.name,
        **{name: stream[name] for name in names},
        "profile": scene.record.profile,
        "rate": scene.record.rate,
        "picture_size": [stream["width"], stream["height"]],
        "bit_depth": stream["bit_depth"],
        "frame_rate": str(scene.record.frame_rate),
        "frame_count": scene.frame_count,
        "group_count": len(scene.record.groups),
    }


def describe_renderer(choice: RendererChoice) -> dict[str, str]:
    """What drew the views and why."""
    return {
        "renderer": choice.renderer,
        "device": choice.device,
        "renderer_reason": choice.reason,
    }


def evaluation_record(
    subject: Subject,
    evaluation: Evaluation,
    rates: Mapping[str, Rate],
    environment: Environment,
    *,
    encode_fps: float | None = None,
) -> dict[str, Any]:
    """Everything an evaluation found, ready for JSON."""
    scene = subject.scene
    total = scene.package.size_bytes
    quality = {
        name: evaluation.average(name)
        for name in ("psnr", "psnr_foreground", "ssim", "temporal_psnr", "psnr_bake")
    }
    baked, decoded = quality["psnr_bake"], quality["psnr"]
    loss = None if baked is None or decoded is None else baked - decoded
    return {
        "format": "videorf-evaluation",
        "version": 1,
        # What was baked, and what it was measured against, which may be another copy of it.
        "scene": scene.record.capture.name,
        "capture": subject.capture.name,
        **describe_package(scene),
        **describe_renderer(evaluation.drawn_by),
        **quality,
        "codec_loss_db": loss,
        "bytes_total": total,
        "bytes_per_frame": total / scene.frame_count,
        "bits_per_second": 8 * total / scene.frame_count * float(scene.record.frame_rate),
        "bytes_by_kind": bytes_by_kind(scene.package, scene),
        "view_count": len(evaluation.views),
        "view_size": _view_size(subject, evaluation),
        "views": list(evaluation.views),
        "evaluated_frames": list(evaluation.frames),
        "scale": scene.record.capture.scale,
        "decode_fps": rates["atlas"].fps,
        "luma_fps": rates["luma"].fps,
        "field_fps": evaluation.field_fps,
        "render_fps": evaluation.render_fps,
        "encode_fps": encode_fps,
        "per_frame": _per_frame(subject, evaluation),
        "per_view": _per_view(evaluation),
        **describe_environment(environment),
        "definitions": dict(DEFINITIONS),
    }


def bytes_by_kind(package: Package, scene: BakedScene) -> dict[str, int]:
    """Bytes of the package by what they are for; ``container`` is what no listed file accounts for.

    The kinds add up to the package's size on disk.
    """
    sizes = package.sizes()
    occupancy = {f"blobs/{group.occupancy}" for group in scene.record.groups}
    kinds = dict.fromkeys(("pictures", "occupancy", "network", "rig", "manifest", "other"), 0)
    named = {f"blobs/{NETWORK_BLOB}": "network", f"blobs/{RIG_BLOB}": "rig"}
    named |= dict.fromkeys(occupancy, "occupancy") | {"manifest.json": "manifest"}
    for name, size in sizes.items():
        kinds["pictures" if name.startswith("streams/") else named.get(name, "other")] += size
    return kinds | {"container": package.size_bytes - sum(sizes.values())}


def bytes_per_frame(subject: Subject) -> list[float]:
    """Each frame's share of the package; the shares add up to its size on disk."""
    scene = subject.scene
    sizes = scene.package.sizes()
    shares = [0.0] * scene.frame_count
    assigned = 0
    for group in scene.record.groups:
        stream = subject.bitstreams[group.stream]
        name = scene.package.streams[group.stream]["name"]
        common = sizes[f"streams/{name}.mp4"] - stream.size_bytes
        common += sizes[f"blobs/{group.occupancy}"]
        for packet in stream.packets:
            own = len(packet.data) + common / group.frame_count
            shares[group.first_frame + packet.pts] = own
        assigned += common + stream.size_bytes
    rest = (scene.package.size_bytes - assigned) / scene.frame_count
    return [share + rest for share in shares]


def evaluation_table(record: Mapping[str, Any]) -> str:
    """The numbers a person asks for first, one per line."""
    kinds = ", ".join(f"{name} {size / KIB:.1f}" for name, size in record["bytes_by_kind"].items())
    size = "x".join(str(side) for side in record["view_size"])
    rows = [
        ("package", f"{record['package']} ({record['profile']}, {record['encoder']})"),
        (
            "pictures",
            f"{record['view_count']} views of {size}, "
            f"{len(record['evaluated_frames'])} of {record['frame_count']} frames",
        ),
        ("PSNR", decibel_text(record["psnr"])),
        ("PSNR of the foreground", decibel_text(record["psnr_foreground"])),
        ("SSIM", number_text(record["ssim"], 4)),
        ("temporal PSNR", decibel_text(record["temporal_psnr"])),
        ("PSNR before encoding", decibel_text(record["psnr_bake"])),
        ("KiB per frame", f"{record['bytes_per_frame'] / KIB:.2f}"),
        ("bit rate", f"{record['bits_per_second'] / 1e6:.2f} Mbit/s at {record['frame_rate']} fps"),
        ("KiB by kind", kinds),
        (
            "decode",
            f"{record['decode_fps']:.1f} fps to atlases, {record['luma_fps']:.1f} fps to planes",
        ),
        (
            "render",
            f"{record['render_fps']:.1f} views/s by {record['renderer']} on {record['device']}",
        ),
    ]
    return aligned([row for row in rows if row[1] != UNKNOWN])


def _view_size(subject: Subject, evaluation: Evaluation) -> list[int]:
    camera = subject.capture.cameras[evaluation.views[0]]
    return [camera.width, camera.height]


def _per_frame(subject: Subject, evaluation: Evaluation) -> list[dict[str, Any]]:
    shares = bytes_per_frame(subject)
    names = ("psnr", "psnr_foreground", "ssim", "temporal_psnr", "psnr_bake")
    return [
        {
            "frame": index,
            "original_frame": subject.capture.frame_indices[index],
            **{name: evaluation.average(name, frame_index=index) for name in names},
            "bytes": shares[index],
        }
        for index in evaluation.frames
    ]


def _per_view(evaluation: Evaluation) -> list[dict[str, Any]]:
    names = ("psnr", "psnr_foreground", "ssim", "temporal_psnr", "psnr_bake")
    return [
        {"view": view, **{name: evaluation.average(name, view_index=view) for name in names}}
        for view in evaluation.views
    ]
