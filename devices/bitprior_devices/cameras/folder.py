"""A folder of image files as a recording."""

from pathlib import Path

from bitprior_devices.cameras.opencv import import_cv2
from bitprior_devices.cameras.source import Pixels
from bitprior_runtime.errors import UsageError
from bitprior_runtime.files import read_bytes
from bitprior_runtime.images.read import MAX_IMAGE_BYTES, decode_image

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


class ImageFolder:
    """The image files of a folder, by name.

    Args:
        path: The folder.

    Raises:
        UsageError: There is no image in it.
        MissingExtraError: OpenCV is not installed.
    """

    live = False
    rate = 10.0

    def __init__(self, path: Path) -> None:
        import_cv2()
        self.name = str(path)
        files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
        if not files:
            raise UsageError(
                f"image files ({', '.join(SUFFIXES)}) in {path}", "none", "choose another folder"
            )
        self._files = iter(files)

    def read(self) -> Pixels | None:
        """Decode the next image; see :class:`FrameSource`.

        Raises:
            UsageError: A file that is named like an image is none.
        """
        file = next(self._files, None)
        if file is None:
            return None
        return decode_image(read_bytes(file, MAX_IMAGE_BYTES), file)[None]

    def close(self) -> None:
        """Read no further file."""
        self._files = iter(())
