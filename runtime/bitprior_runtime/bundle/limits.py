"""Limits of the bundle format: a reader refuses what is larger before it allocates anything.

They bound what a hostile file can cost. Reading takes at most 2 x the file + 64 MiB of memory:
the file, one copy of its tensors, and MAX_CODES bytes of unpacked weight codes.
"""

MAX_FILE_BYTES = 512 * 2**20
# A network of 300 tensors needs about 150 kB of header.
MAX_HEADER_BYTES = 2**20
MAX_BLOCKS = 4096
MAX_NODES = 4096
MAX_NODE_INPUTS = 16
MAX_ATTRIBUTES = 32
MAX_ATTRIBUTE_VALUES = 64
MAX_RANK = 6
MAX_ELEMENTS = 2**28
# What generator and sensing network take for one image in float32, by budget.py: values, matrices
# of a Resize, unrolled patches. An engine holds up to three times as much.
MAX_PROGRAM_BYTES = 2**28
# The same of one program at a frame that whoever recovers has chosen: 1024 x 768 in 64 maps.
MAX_FRAME_BYTES = 2**30
# What goes through the programs together: more rows are worked on in turns.
BATCH_BYTES = 2**29
# Low-bit weights in all tensors of a file together; in memory a code takes one byte.
MAX_CODES = 2**25
# Parts of a latent: what a cut through a network with skips lays bare.
MAX_LATENT_PARTS = 64
MAX_NESTING = 16
MAX_NAME_LENGTH = 256
MAX_TEXT_LENGTH = 2**14
# ONNX attributes are 64-bit integers.
MAX_INTEGER = 2**63 - 1
MAX_STEPS = 10**6
# Start latents of one measurement.
MAX_RESTARTS = 10**6
# Step sizes, tolerances and their like become float32: no denormal, and no infinity.
MIN_POSITIVE = 2.0**-126
MAX_POSITIVE = 2.0**127
# Calibrated ranges: quotients of two, times any float32, keep all bits in float64.
MIN_RANGE = 2.0**-60
MAX_RANGE = 2.0**60
MIN_GOLDEN_CASES = 3
MAX_GOLDEN_CASES = 1024
# Steps of the recovery that a golden trace records.
TRACE_STEPS = 10
# Steps of a learned search, and lags along each axis of the covariance it comes with.
MAX_SEARCH_STEPS = 256
MAX_LAGS = 512
