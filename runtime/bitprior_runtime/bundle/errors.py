"""Errors of the bundle reader: one class per way in which a file can be wrong."""

from bitprior_runtime.errors import BitpriorError

EXPORT_AGAIN = "export the model again with bitprior export, and do not trust this file"
UPGRADE = "run: pip install --upgrade bitprior; or export the model again"
FETCH_AGAIN = "copy or download the file again"


def quote(value: object) -> str:
    """Return a short ASCII picture of a value from a file, safe to print."""
    text = ascii(value)
    return text if len(text) <= 80 else text[:77] + "..."


class BundleError(BitpriorError):
    """A bundle cannot be used. Base of all that follow."""

    exit_code = 3


# The file as a whole.


class EmptyBundleError(BundleError):
    """The file has no bytes."""


class ForeignBundleError(BundleError):
    """The file is something else than a bitprior bundle."""


class TruncatedBundleError(BundleError):
    """The file ends before its header or its tensors do."""


class BundleTooLargeError(BundleError):
    """The file is larger than any bundle may be."""


class HeaderTooLargeError(BundleError):
    """The header is larger than any header may be."""


class DigestError(BundleError):
    """The file is not, bit for bit, the one that was written."""


# The format's version.


class FormatVersionError(BundleError):
    """The file has a format version this reader does not read."""


class NewerMajorError(FormatVersionError):
    """The file has a newer major format version."""


class NewerMinorError(FormatVersionError):
    """The file has a newer minor format version of the same major one."""


class OlderMajorError(FormatVersionError):
    """The file has an older major format version."""


# The JSON of the header and of the manifest.


class JsonError(BundleError):
    """The header or the manifest is not the JSON it should be."""


class MalformedJsonError(JsonError):
    """The text is not JSON."""


class TextEncodingError(JsonError):
    """The text is not UTF-8, starts with a byte order mark, or holds a lone surrogate."""


class ControlCharacterError(JsonError):
    """A text holds a control character, which could rewrite the terminal it is printed on."""


class DuplicateKeyError(JsonError):
    """An object names a key twice, so that two readers could see two files."""


class NestingError(JsonError):
    """Arrays and objects are nested too deeply."""


class NumberError(JsonError):
    """A number is NaN, infinite, or too long to be honest."""


# The fields of the header and of the manifest.


class ManifestError(BundleError):
    """A field of the header or of the manifest is wrong."""


class MissingKeyError(ManifestError):
    """An object lacks a key."""


class UnknownKeyError(ManifestError):
    """An object has a key that the format does not know."""


class WrongTypeError(ManifestError):
    """A value has the wrong JSON type, e.g. true where an integer belongs."""


class ValueRangeError(ManifestError):
    """A value has the right type and lies outside what the format allows."""


class UnsafeNameError(ManifestError):
    """A name is empty, too long, looks like a path, or holds characters no name needs."""


class ShapeError(ManifestError):
    """A shape has too high a rank, a size below 1, or too many values."""


class InconsistentManifestError(ManifestError):
    """Two fields of the manifest contradict each other."""


# The tensor blocks.


class BlockError(BundleError):
    """The tensor blocks are not those that the manifest describes."""


class TooManyBlocksError(BlockError):
    """The file has more tensor blocks than any bundle may have."""


class BlockTypeError(BlockError):
    """A tensor block has another element type than U8 or F32, or not the one it should have."""


class BlockLayoutError(BlockError):
    """The tensor blocks overlap, leave holes, or do not have the length of their shape."""


class TrailingBytesError(BlockError):
    """Bytes follow the last tensor block."""


class MissingBlockError(BlockError):
    """A tensor block that the manifest names is not in the file."""


class UnexpectedBlockError(BlockError):
    """The file holds a tensor block that the manifest does not name."""


class BlockShapeError(BlockError):
    """A tensor block has another shape than the manifest says."""


class BlockHashError(BlockError):
    """A tensor block does not have the SHA-256 that the manifest says."""


# The values of the tensors.


class TensorValueError(BundleError):
    """A tensor holds values that the format does not allow."""


class PadBitsError(TensorValueError):
    """Bits behind the last code of a bit plane are not zero."""


class ScaleError(TensorValueError):
    """A scale of a quantised tensor is not a finite number above zero."""


class CodeRangeError(TensorValueError):
    """A code stands for an integer outside its grid."""


class NonFiniteError(TensorValueError):
    """A float tensor holds NaN or an infinity."""


# The programs.


class BundleProgramError(BundleError):
    """A program of the bundle is malformed."""


class ShapeChainError(BundleProgramError):
    """Generator, geometry, sensing and measurement do not fit one another."""
