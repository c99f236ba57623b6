"""Facts about a network in an ONNX file's properties, each as JSON."""

import json
from collections.abc import Mapping

from bitprior_runtime.errors import UsageError


def properties(name: str, metadata: Mapping[str, object]) -> dict[str, str]:
    """Return the properties ``bitprior.name`` and one ``bitprior.<key>`` for each fact.

    Args:
        name: Name of the network.
        metadata: Facts: bits, geometry, value_range...

    Raises:
        UsageError: A fact is no JSON value.
    """
    try:
        facts = {f"bitprior.{key}": json.dumps(value) for key, value in metadata.items()}
    except (TypeError, ValueError) as error:
        raise UsageError(
            "metadata of JSON values", str(error), "pass numbers, strings, lists and mappings"
        ) from error
    return {"bitprior.name": json.dumps(name), **facts}
