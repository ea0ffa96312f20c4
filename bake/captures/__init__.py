"""One file per capture format; `bake.capture` finds the right one and imports it on first use."""
