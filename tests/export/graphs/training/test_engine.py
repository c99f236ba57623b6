"""The onnx-training engine through the conformance tests, in an environment of its own."""

import pytest

from bitprior_export.graphs.training import PACKAGE, build_training_artefacts, is_available
from bitprior_runtime.engines.registry import EngineContext, make_engine
from bitprior_runtime.errors import MissingFileError, UsageError
from builders.bundles import tiny_bundle
from builders.conformance import assert_conforms, system

MISSING = f"needs {PACKAGE}: make test-training"
needs_package = pytest.mark.skipif(not is_available(), reason=MISSING)


@pytest.mark.training
@needs_package
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 32])
@pytest.mark.parametrize("name", ["mlp", "dcgan", "cut dcgan"])
def test_the_training_engine_conforms(name, bits, tmp_path):
    bundle = system(name, bits)
    folder = tmp_path / "m-onnx-training"
    folder.mkdir()
    build_training_artefacts(bundle.generator, bundle.sensing, folder)
    engine = make_engine(EngineContext(bundle, tmp_path / "m.bitprior"), "onnx-training")
    for batch in (1, 3):
        assert_conforms(engine, bundle, batch)


@pytest.mark.training
@needs_package
def test_without_its_files_the_engine_says_what_is_missing(tmp_path):
    with pytest.raises(MissingFileError, match=r"training_model\.onnx.*onnx-training"):
        make_engine(EngineContext(tiny_bundle(), tmp_path / "m.bitprior"), "onnx-training")


@pytest.mark.skipif(is_available(), reason=f"{PACKAGE} is installed")
def test_without_the_package_the_engine_names_it():
    with pytest.raises(UsageError, match=r"onnxruntime-training-cpu==1\.19\.2"):
        make_engine(EngineContext(tiny_bundle()), "onnx-training")
