"""A real browser without a window: what a page looks like and what it complains of."""

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
_CONSOLE = re.compile(r'CONSOLE[:(].*?\] ?"(.*?)", source', re.DOTALL)
# The page's own policy refuses every request, and says so on the console; no name resolves either.
_OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage"),
    *("--enable-logging=stderr", "--host-resolver-rules=MAP * ~NOTFOUND"),
)


@dataclass(frozen=True, eq=False)
class View:
    """A page as it was shown.

    Attributes:
        pixels: uint8 [height, width, 3].
        console: Messages on the console: errors, and requests that were refused.
    """

    pixels: np.ndarray
    console: list[str]


def look(page: Path, folder: Path, width: int, height: int, dark: bool = False) -> View:
    """Show a page and take a picture of it.

    Args:
        page: An HTML file.
        folder: Where picture and profile go.
        width: Of the window, pixels.
        height: Of the window, pixels.
        dark: Whether the user prefers dark pages.
    """
    assert CHROMIUM is not None
    picture = folder / f"{page.stem}-{width}{'-dark' if dark else ''}.png"
    command = [
        CHROMIUM,
        *_OPTIONS,
        f"--user-data-dir={folder / 'profile'}",
        f"--blink-settings=preferredColorScheme={0 if dark else 1}",
        f"--window-size={width},{height}",
        f"--screenshot={picture}",
        page.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    with Image.open(picture) as image:
        pixels = np.asarray(image.convert("RGB"))
    return View(pixels, _CONSOLE.findall(done.stderr))
