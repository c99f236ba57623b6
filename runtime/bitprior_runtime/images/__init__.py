"""Images in and out: arrays, image files and contact sheets."""

from bitprior_runtime.images.arrays import decode_array, read_array, write_array
from bitprior_runtime.images.png import encode_gray, encode_png
from bitprior_runtime.images.read import decode_image, fit_image, read_images, read_whole_images
from bitprior_runtime.images.sheet import contact_sheet

__all__ = [
    "contact_sheet",
    "decode_array",
    "decode_image",
    "encode_gray",
    "encode_png",
    "fit_image",
    "read_array",
    "read_images",
    "read_whole_images",
    "write_array",
]
