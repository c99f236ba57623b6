"""``bitprior zoo``: the priors that come with bitprior."""

from typing import Any

from bitprior_runtime.bundle.manifest import NO_MEASUREMENT
from bitprior_runtime.cli.output import JsonFlag, emit
from bitprior_runtime.model import load
from bitprior_runtime.zoo import zoo_names

_SHOWN = ("geometry", "latent", "measurement", "bits", "bytes", "licence")


def run(json: JsonFlag = False) -> None:
    """List the trained priors that every verb takes by name, e.g. mnist-4bit-m100."""
    priors = [_figures(name) for name in zoo_names()]
    emit({"priors": priors}, "\n".join(_line(prior) for prior in priors), json)


def _figures(name: str) -> dict[str, Any]:
    info = load(name).info
    training = info["training"]
    return {
        "name": name,
        **{key: info[key] for key in _SHOWN},
        "sensing_bits": training.get("sensing_bits_after_training"),
        "dataset": training.get("dataset"),
        "seed": training.get("seed"),
    }


def _line(prior: dict[str, Any]) -> str:
    size = "x".join(map(str, prior["geometry"]))
    what = f"{size} images, m = {prior['measurement']['size']}"
    if prior["measurement"]["kind"] == NO_MEASUREMENT:
        what = "photos of any size, any operator"
    return (
        f"{prior['name']}: {prior['bits']}-bit prior of {what}, "
        f"{prior['bytes']['bundle']:,} bytes; trained on {prior['licence']}"
    )
