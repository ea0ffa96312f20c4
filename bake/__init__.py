"""From multi-view video to a baked scene: captures, training and export."""
