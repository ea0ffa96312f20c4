"""From a baked scene to pixels: cameras, rays and the reference renderer."""
