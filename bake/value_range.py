"""The limits that texel values keep while they train, because the codec has the same ones."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ValueRange:
    """Symmetric limits of texel values: density in [-density, density], features likewise.

    Fixed limits make one quantizer serve every frame, which temporal prediction needs. At
    ``levels`` steps the rays see rounded values while training; 0 turns that off.
    """

    density: float = 8.0
    feature: float = 4.0
    levels: int = 219

    @property
    def empty_density(self) -> float:
        """Density before activation where no texel exists."""
        return -self.density
