"""The largest settings that mean anything; a command refuses what lies beyond before any work.

All are choices, far above what a bake needs and far below where numbers stop being numbers.
"""

# More than any machine trains in a year.
MOST_ITERATIONS = 1_000_000_000
# Rays of one step, and voxels along an edge of a cubic box: more than fit into memory.
MOST_RAYS = 1 << 24
MOST_RESOLUTION = 2048
# Below this a grid that follows the pictures would show nothing of the scene.
LEAST_RESOLUTION = 16
# Pixels that a voxel may span.
SMALLEST_VOXEL, LARGEST_VOXEL = 0.1, 100.0
# Texels and frames are numbered in 32 bits.
MOST_TEXELS = (1 << 31) - 1
# Every frame has a random stream of its own, numbered in 63 bits.
MOST_SEED = (1 << 43) - 1
# Texels are stored in half precision; this is its largest number, and of every rate and weight too.
LARGEST_VALUE = 65504.0
# A smaller range of values leaves next to nothing between two codes.
SMALLEST_RANGE = 0.01
# Scale of quantization parameters of H.264 and HEVC; bits per second are what codecs count in.
MOST_QP = 51
MOST_BITS_PER_SECOND = (1 << 31) - 1
# Halved more often, no grid has voxels left; and steps must be left for the full resolution.
MOST_HALVINGS = 8
LARGEST_SHARE = 0.9
# The finest codes have 16 bits.
MOST_LEVELS = 65535
# Spacing of samples in voxels.
SMALLEST_STEP, LARGEST_STEP = 0.001, 1000.0
