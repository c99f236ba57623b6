"""Comparisons and priors as data: one record a row. Where a name is an evaluation's, so is it."""

from collections.abc import Mapping, Sequence
from typing import Any

from bitprior_export.report.surgery.comparison import Comparison, Trial
from bitprior_export.report.surgery.prior import Prior


def comparison_records(comparisons: Sequence[Comparison]) -> Sequence[Mapping[str, Any]]:
    """Return every trial of every comparison with all of its figures but those of each image."""
    return [_record(each, trial) for each in comparisons for trial in each.trials]


def _record(comparison: Comparison, trial: Trial) -> Mapping[str, Any]:
    return {
        "result": comparison.name,
        "dataset": comparison.dataset,
        "part": comparison.part,
        "bits": trial.bits,
        "measurements": trial.measurements,
        "psnr": trial.psnr.mean,
        "restarts": trial.restarts,
        "recovery_seed": comparison.seed,
        "machine": comparison.machine,
        "commit": comparison.commit,
        "experiment": comparison.experiment,
        "method": trial.method,
        "prior": trial.prior,
        "prior_run": trial.prior_run,
        "filters": trial.filters,
        "cut": trial.cut,
        "init": trial.init,
        "operator": trial.operator,
        "n": trial.pixels,
        "images": trial.images,
        "psnr_sd": trial.psnr.deviation,
        "loss": trial.loss,
        "variables": trial.variables,
        "seconds": trial.seconds,
        "settings": "; ".join(f"{name} {value}" for name, value in trial.settings.items()),
    }


def prior_record(prior: Prior) -> Mapping[str, Any]:
    """Return what is known of a prior, without its images."""
    return {
        "prior_run": prior.name,
        "prior": prior.prior,
        "dataset": prior.dataset,
        "bits": prior.bits,
        "filters": prior.filters,
        "latent": prior.latent,
        "parameters": prior.parameters,
        "steps": prior.steps,
        "epochs": prior.epochs,
        "seed": prior.seed,
        "init_from": prior.init_from,
    }
