"""Packages with parts replaced, their sums made right again: damage that only a method can see."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.rd.footage import Footage, assemble_footage
from hwcodec import Package, PackageContent, open_package, write_package


def rewritten(
    package: Package,
    out: Path,
    own: Mapping[str, Any] | None = None,
    blobs: Mapping[str, bytes] | None = None,
) -> Package:
    """The package with values of its record's own part, and blobs, replaced."""
    names = package.manifest["blobs"]
    kept = {name: (blobs or {}).get(name, package.blob(name)) for name in names}
    scene = {**package.scene, "own": {**package.scene["own"], **(own or {})}}
    write_package(out, PackageContent(scene, kept), overwrite=True)
    return open_package(out)


def in_groups_of(footage: Footage, length: int) -> Footage:
    """The same footage in shorter groups."""
    grouping = replace(footage.config.grouping, max_length=length)
    config = replace(footage.config, grouping=grouping)
    occupancies = [own for group in footage.groups for own in group.occupancies]
    return assemble_footage(footage.capture, config, footage.grid, occupancies)
