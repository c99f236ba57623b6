"""The programs of a bundle as QONNX files, for the tools around QONNX and FINN."""

from pathlib import Path

from bitprior_export.qonnx.execution import execute
from bitprior_export.qonnx.program_writer import program_to_qonnx
from bitprior_runtime.bundle import Bundle
from bitprior_runtime.engines import FloatEngine
from bitprior_runtime.errors import CheckFailedError
from bitprior_runtime.files import check_folder, write_atomically
from bitprior_runtime.golden import relative

FILES = ("generator.onnx", "sensing.onnx")
# Of the largest value; qonnx runs its nodes in onnxruntime, which sums in another order.
TOLERANCE = 1e-5


def default_folder(bundle_path: Path) -> Path:
    """Return the folder of a bundle's QONNX files: ``<stem>-qonnx`` beside it."""
    return bundle_path.with_name(f"{bundle_path.stem}-qonnx")


def write_qonnx_files(bundle: Bundle, folder: Path) -> None:
    """Write generator.onnx and sensing.onnx, each run by qonnx's executor first.

    Args:
        bundle: The model.
        folder: Where they go; it is made if missing.

    Raises:
        UnwritableOutputError: The folder cannot be written.
        CheckFailedError: qonnx computes something else; nothing was written.
    """
    check_folder(folder)
    manifest, golden = bundle.manifest, bundle.golden
    engine = FloatEngine(bundle.generator, bundle.sensing)
    cases = (
        (bundle.generator, golden.latents, engine.generate(golden.latents)),
        (bundle.sensing, golden.images, engine.sense(golden.images)),
    )
    facts = {
        "name": manifest.name,
        "bits": manifest.bits,
        "geometry": list(manifest.geometry),
        "value_range": list(manifest.value_range),
        "measurements": manifest.measurement.size,
    }
    made = {}
    for name, (program, inputs, expected) in zip(FILES, cases, strict=True):
        model = program_to_qonnx(program, facts)
        found = execute(model, inputs)[model.graph.output[0].name]
        difference = relative(found, expected)
        if not difference <= TOLERANCE:
            raise CheckFailedError(
                f"the float engine's values from qonnx running {name}, within {TOLERANCE:g}",
                f"a relative difference of {difference:.3g}",
                "nothing was written; leave the target qonnx out",
            )
        made[name] = model.SerializeToString(deterministic=True)
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in made.items():
        write_atomically(folder / name, data)
