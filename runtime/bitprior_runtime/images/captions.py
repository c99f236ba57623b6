"""Words under pictures, in a font of 3 x 5 dots: no package for it is needed on a board."""

import numpy as np
from numpy.typing import NDArray

# Rows of three dots from the top, as octal digits: 4 is the left dot, 1 the right one.
_GLYPHS = {
    "A": "25755", "B": "65656", "C": "34443", "D": "65556", "E": "74647", "F": "74644",
    "G": "34553", "H": "55755", "I": "72227", "J": "11152", "K": "55655", "L": "44447",
    "M": "57755", "N": "65555", "O": "25552", "P": "65644", "Q": "25563", "R": "65655",
    "S": "34216", "T": "72222", "U": "55557", "V": "55552", "W": "55775", "X": "55255",
    "Y": "55222", "Z": "71247", "0": "75557", "1": "26227", "2": "61247", "3": "61216",
    "4": "55711", "5": "74616", "6": "34757", "7": "71122", "8": "75757", "9": "75716",
    ".": "00002", ",": "00024", "-": "00700", "+": "02720", "%": "51245", "/": "11244",
    ":": "02020", "=": "07070", "(": "12221", ")": "42224", " ": "00000",
}  # fmt: skip
_UNKNOWN = "77777"
_HEIGHT, _ADVANCE = 5, 4


def text_size(text: str, scale: int = 1) -> tuple[int, int]:
    """Return height and width in pixels of a line of text."""
    return _HEIGHT * scale, max(len(text) * _ADVANCE - 1, 0) * scale


def drawn_text(text: str, scale: int = 1) -> NDArray[np.float32]:
    """Return a line of text as an image [h,w], 1 on 0; what the font lacks is a full block.

    Args:
        text: Capitals are used for all letters.
        scale: Pixels of a dot's side.
    """
    height, width = text_size(text)
    dots = np.zeros((height, width), np.float32)
    for place, character in enumerate(text.upper()):
        rows = _GLYPHS.get(character, _UNKNOWN)
        bits = [[int(row) >> shift & 1 for shift in (2, 1, 0)] for row in rows]
        left = place * _ADVANCE
        dots[:, left : left + 3] = bits
    return np.kron(dots, np.ones((scale, scale), np.float32))


def captioned(
    pictures: list[tuple[NDArray[np.float32], list[str]]], height: int = 192
) -> NDArray[np.float32]:
    """Lay gray pictures side by side, each with lines of text under it.

    Small pictures are enlarged by a whole factor, every pixel a square.

    Args:
        pictures: (picture [h,w] in [0,1], lines) of each.
        height: Pixels that pictures are enlarged to at most.

    Returns:
        [1,H,W] in [0,1].
    """
    scale, gap, line = 2, 8, 14
    tiles = []
    lines = max(len(words) for _, words in pictures)
    for picture, words in pictures:
        factor = max(1, height // picture.shape[0])
        large = np.kron(picture, np.ones((factor, factor), np.float32))
        width = max(large.shape[1], *(text_size(word, scale)[1] for word in words))
        tile = np.ones((large.shape[0] + gap + lines * line, width), np.float32)
        tile[: large.shape[0], : large.shape[1]] = large
        for index, word in enumerate(words):
            ink = drawn_text(word, scale)
            top = large.shape[0] + gap + index * line
            tile[top : top + ink.shape[0], : ink.shape[1]] -= ink
        tiles.append(tile)
    tallest = max(tile.shape[0] for tile in tiles)
    whole = np.ones((tallest, sum(t.shape[1] for t in tiles) + gap * (len(tiles) - 1)), np.float32)
    left = 0
    for tile in tiles:
        whole[: tile.shape[0], left : left + tile.shape[1]] = tile
        left += tile.shape[1] + gap
    return whole[np.newaxis]
