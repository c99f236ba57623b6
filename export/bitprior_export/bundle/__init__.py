"""Writing bundles; ``bitprior_runtime.bundle`` reads them."""

from bitprior_export.bundle.writer import encode_bundle, write_bundle

__all__ = ["encode_bundle", "write_bundle"]
