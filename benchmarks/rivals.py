"""What is timed: value_and_grad of ours and of the rivals, and the work one gradient is.

Each is made in a process of its own, by the Python of the environment it needs.
"""

from pathlib import Path

from bitprior_runtime.info import stored_bytes
from bitprior_runtime.model import load
from bitprior_runtime.summary import summarise, total

FLOAT_BYTES = 4


def torch_rival(path, batch, threads, compiled):
    """Return autograd of torch."""
    import torch
    from torch_program import torch_gradient

    torch.set_num_threads(threads)
    return torch_gradient(load(path).bundle, compiled)


def training_rival(path, batch, threads):
    """Return the gradient of ONNX Runtime Training, the whole batch in one call.

    Its files are for one batch size; they are made beside the bundle, once.
    """
    from onnxruntime import SessionOptions
    from onnxruntime.training.api import CheckpointState, Module

    folder = training_folder(path, batch)
    state = CheckpointState.load_checkpoint(str(folder / "checkpoint"))
    options = SessionOptions()
    options.intra_op_num_threads = threads
    files = (str(folder / "training_model.onnx"), state, str(folder / "eval_model.onnx"))
    module = Module(*files, session_options=options)
    latent = state.parameters["z"]
    module.train()

    def value_and_grad(z, y):
        latent.data = z
        loss = module(y)
        gradient = latent.grad
        module.lazy_reset_grad()
        return loss, gradient

    return value_and_grad


def training_folder(path, batch):
    """Return where the training files of a bundle for a batch size lie."""
    return Path(path).with_name(f"{Path(path).stem}-training-{batch}")


def prepare_training(path, batch):
    """Write the training files."""
    from bitprior_export.graphs.training.artefacts import build_training_artefacts

    bundle, folder = load(path).bundle, training_folder(path, batch)
    folder.mkdir(exist_ok=True)
    build_training_artefacts(bundle.generator, bundle.sensing, folder, batch)


RIVALS = {
    "torch eager": lambda *place: torch_rival(*place, compiled=False),
    "torch.compile": lambda *place: torch_rival(*place, compiled=True),
    "onnxruntime-training": training_rival,
}


def make(job):
    """Return (value_and_grad, its work) of a job; see :func:`work`."""
    path, batch, threads = job["bundle"], job["batch"], job["threads"]
    if job["engine"] in RIVALS:
        return RIVALS[job["engine"]](path, batch, threads), work(path)
    engine = load(path).engine(job["engine"], job["kernel"], threads)
    return engine.value_and_grad, work(path, engine)


def work(path, engine=None):
    """Return what one gradient must do at least.

    The integer engine multiplies bytes; the sensing network's 16-bit activations are two of them
    on the way forward. Weights are read once forward and once backward: in float32, except where
    an engine keeps them packed.

    Args:
        path: The bundle.
        engine: One of ours; None stands for float32 all through.
    """
    bundle = load(path).bundle
    rows = summarise(bundle.generator, bundle.sensing)
    drawing, measuring = (
        total([row for row in rows if row.program == name], name)
        for name in ("generator", "sensing")
    )
    macs = 2 * (drawing.macs + measuring.macs)
    size = FLOAT_BYTES * (drawing.weights + measuring.weights)
    kind = engine and (engine.name, engine.kernel)
    if kind == ("float", "native"):
        size = stored_bytes(bundle.generator) + stored_bytes(bundle.sensing)
    if kind == ("integer", "native"):
        products = macs + measuring.macs
        held = {"float_macs": 0, "byte_macs": products, "weight_bytes": 2 * engine.weight_bytes}
        return {"macs": macs, **held}
    return {"macs": macs, "float_macs": macs, "byte_macs": 0, "weight_bytes": 2 * size}
