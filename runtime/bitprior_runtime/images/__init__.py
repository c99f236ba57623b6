"""Images in and out: arrays, image files and contact sheets."""

from bitprior_runtime.images.arrays import read_array, write_array
from bitprior_runtime.images.png import encode_png
from bitprior_runtime.images.read import read_images
from bitprior_runtime.images.sheet import contact_sheet

__all__ = ["contact_sheet", "encode_png", "read_array", "read_images", "write_array"]
