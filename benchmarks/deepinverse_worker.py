"""DeepInverse's CSGMGenerator on a bundle's prior and measurements; prints JSON.

Runs in the environment of constraints-deepinv.txt: torch, deepinv and the runtime, no more.

python benchmarks/deepinverse_worker.py '{"model": ..., "images": ....npy, "start": "prior"}'
"""

import json
import statistics
import sys

import numpy as np
import torch
from scores import psnr

from bitprior_runtime import load


def declare_operators():
    """Declare the operators of torchvision that its import extends.

    Where torch is the CPU build, torchvision's compiled operators do not load, and its import stops
    there. deepinv imports torchvision; CSGMGenerator uses no operator of it.

    Returns:
        What declares them; they last as long as it.
    """
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


def main(job):
    """Recover and print PSNR and time of one image."""
    torch.set_num_threads(1)
    _declared = declare_operators()
    from deepinverse_search import recover

    images = np.load(job["images"])
    found, seconds, iterations = recover(load(job["model"]), images, job["start"])
    result = {
        "psnr": psnr(found, images),
        "ms": 1e3 * statistics.median(seconds),
        "iterations": statistics.median(iterations),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
