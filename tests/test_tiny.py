"""The whole stack in seconds: train, export, read, verify, sense, recover."""

import numpy as np

from bitprior_export.exporter import export_run
from bitprior_runtime import load
from bitprior_train.data import load_dataset
from bitprior_train.metrics import psnr
from bitprior_train.session import Request, train_run


def test_a_4_bit_prior_goes_from_digits_to_recovered_digits(tmp_path):
    options = {"quantiser": {"bits": 4}, "optimiser": {"steps": 150}}
    train_run(Request("digits", tmp_path / "run", options=options))
    export_run(tmp_path / "run", tmp_path / "digits.bitprior")
    model = load(tmp_path / "digits.bitprior")
    assert all(check.passed for check in model.verify())

    data = load_dataset("digits", split_seed=0, validation=200)
    images = data.images(data.test[:50])
    recovery = model.recover(model.sense(images))
    mean_image = np.broadcast_to(data.images(data.train).mean(axis=0), images.shape)
    assert psnr(recovery.image, images).mean() > psnr(mean_image, images).mean() + 1
