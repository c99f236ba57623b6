"""The warnings of torch and brevitas we know and accept, and nothing else, kept quiet."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_brevitas_import() -> Iterator[None]:
    """Import ``brevitas.export`` without its notes about packages we do not use."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "brevitas.fx is deprecated", DeprecationWarning)
        warnings.filterwarnings("ignore", "fast_hadamard_transform package not found", UserWarning)
        yield


@contextmanager
def quiet_export() -> Iterator[None]:
    """Export through TorchScript: its deprecation and brevitas' traced constants are no news.

    A quantiser brevitas has no handler for is only warned about by brevitas and left out of the
    file: that one becomes an error.
    """
    from torch.jit._trace import TracerWarning

    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "You are using the legacy TorchScript-based ONNX export", DeprecationWarning
        )
        warnings.filterwarnings("ignore", "The feature will be removed", DeprecationWarning)
        # Constants of the quantisers' own code; the same warning about a network's code is shown.
        warnings.filterwarnings("ignore", category=TracerWarning, module=r"brevitas\.")
        warnings.filterwarnings("error", " Skipping module", UserWarning)
        yield
