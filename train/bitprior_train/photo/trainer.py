"""The training of a photo prior: the search is unrolled over random operators and crops."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bitprior_runtime.sensing.covariance import Covariance, covariance_of
from bitprior_train.checkpoint import below, load_checkpoint, save_checkpoint
from bitprior_train.photo.config import PhotoConfig
from bitprior_train.photo.crops import Crops, PhotoSets
from bitprior_train.photo.networks import PhotoNetworks
from bitprior_train.photo.operators import Problem, draw_problem, gaussian, make_problem
from bitprior_train.photo.optimiser import PhotoOptimiser
from bitprior_train.photo.search import Search, squared_errors
from bitprior_train.photo.widening import widened

# Operators in memory at a time, and steps after which one of them is drawn anew.
_POOL = 160
_RENEW = 8
_AREA = 99 * 99
_BETWEEN = 0.05
# Training begins with half of the steps, for this share of it.
_SHORT = 0.12
_VALIDATION = ((10, "1%"), (43, "4%"), (109, "10%"), (272, "25%"))
_SIDE = 33


class PhotoTrainer:
    """Carries a run from its last checkpoint to its end."""

    def __init__(self, config: PhotoConfig, sets: PhotoSets, folder: Path) -> None:
        torch.set_num_threads(config.run.threads)
        self._config, self._sets, self._folder = config, sets, folder
        self._crops = Crops(sets)
        tensors, self._meta = load_checkpoint(folder)
        self.covariance = Covariance(self._meta["mean"], tensors["covariance"].numpy())
        torch.manual_seed(config.run.seed)
        self.networks = PhotoNetworks(config.model, self.covariance.mean)
        self.networks.load_state_dict(below("networks.", tensors))
        self._optimiser = PhotoOptimiser(config.optimiser, dict(self.networks.named_parameters()))
        self._optimiser.load(below("optimiser.", tensors))
        self._low = torch.bfloat16 if config.run.precision == "bfloat16" else torch.float32
        self._problems: dict[int, Problem] = {}
        self._tests: list[tuple[str, Problem]] = []

    def run(self) -> None:
        """Train to the end."""
        total, run = self._config.optimiser.steps, self._config.run
        begin, losses = time.perf_counter(), []
        spent = float(self._meta.get("seconds", 0.0))
        for step in range(int(self._meta["step"]), total):
            losses.append(self._train_step(step))
            done = step + 1
            if done % run.log_every == 0:
                self._log({"kind": "train", "step": done, "loss": float(np.mean(losses)),
                           "seconds": spent + time.perf_counter() - begin})
                losses = []
            if done % run.checkpoint_every == 0 or done == total:
                self._meta |= {"step": done, "seconds": spent + time.perf_counter() - begin}
                self._save()
                self._log({"kind": "validation", "step": done} | self.validate())

    def _train_step(self, step: int) -> float:
        config = self._config
        random = np.random.default_rng((config.run.seed, 1, step))
        problem = self._problem(step, random)
        height, width = problem.frame
        count = max(1, round(config.optimiser.crops * _AREA / (height * width)))
        truth = torch.from_numpy(self._crops.draw(random, count, height, width))
        truth = torch.nn.functional.pad(truth, (0, width % 2, 0, height % 2))
        y = problem.measure(truth)
        if problem.noise:
            noise = random.standard_normal(tuple(y.shape), dtype=np.float32)
            y = y + problem.noise * torch.from_numpy(noise)
        steps = config.model.steps
        if step < _SHORT * config.optimiser.steps and self._meta["init_from"] is None:
            steps = (steps + 1) // 2
        between = int(random.integers(1, steps)) if steps > 1 else None
        found = Search(self.networks, self._low).run(problem, y, steps, between)
        loss = torch.log(squared_errors(problem, found.image, truth) + 1e-6).mean()
        if found.between is not None:
            loss = loss + _BETWEEN * torch.log(squared_errors(problem, found.between, truth) + 1e-6).mean()
        loss.backward()
        value = float(loss.detach())
        if not np.isfinite(value):
            raise FloatingPointError(f"loss {value} at step {step}")
        self._optimiser.step(step / config.optimiser.steps)
        return value

    def _problem(self, step: int, random: np.random.Generator) -> Problem:
        """Return one of the operators in memory; which are there is a function of the step."""
        slot = int(random.integers(_POOL))
        # A slot's operator is drawn anew every _POOL * _RENEW steps, the slots one after the other.
        age = (step + slot * _RENEW) // (_POOL * _RENEW)
        key = slot + _POOL * age
        if key not in self._problems:
            self._problems = {k: p for k, p in self._problems.items() if k % _POOL != slot}
            own = np.random.default_rng((self._config.run.seed, 2, key))
            self._problems[key] = draw_problem(own, self.covariance)
        return self._problems[key]

    def validate(self) -> dict[str, float]:
        """Return mean PSNR in dB of the validation photos by ratio, at the start and the end."""
        photos = torch.from_numpy(self._sets.validation[:, None].astype(np.float32) / 255)
        if not self._tests:
            side = tuple(photos.shape[2:])
            for m, name in _VALIDATION:
                matrix = gaussian(np.random.default_rng((3, m)), _SIDE, m)
                problem = make_problem(matrix, _SIDE, (side[0], side[1]), 0.0, self.covariance)
                self._tests.append((name, problem))
        result: dict[str, float] = {}
        with torch.no_grad():
            search = Search(self.networks, self._low)
            for name, problem in self._tests:
                ends, starts = [], []
                for photo in photos.split(4):
                    found = search.run(problem, problem.measure(photo), self._config.model.steps)
                    ends.append(_psnr(problem, found.image, photo))
                    starts.append(_psnr(problem, found.start, photo))
                result[f"psnr_{name}"] = round(float(torch.cat(ends).mean()), 3)
                result[f"start_{name}"] = round(float(torch.cat(starts).mean()), 3)
        return result

    def _save(self) -> None:
        save_checkpoint(self._folder, _tensors(self.networks, self._optimiser, self.covariance), self._meta)

    def _log(self, entry: dict[str, Any]) -> None:
        with (self._folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        print(json.dumps(entry), file=sys.stderr, flush=True)


def _psnr(problem: Problem, image: Tensor, truth: Tensor) -> Tensor:
    return -10 * torch.log10(squared_errors(problem, image.clamp(0, 1), truth))


def _tensors(
    networks: PhotoNetworks, optimiser: PhotoOptimiser, covariance: Covariance
) -> dict[str, Tensor]:
    found = {f"networks.{name}": value for name, value in networks.state_dict().items()}
    found |= {f"optimiser.{name}": value for name, value in optimiser.tensors().items()}
    return found | {"covariance": torch.from_numpy(covariance.table)}


def start_photo(config: PhotoConfig, sets: PhotoSets, folder: Path, init_from: Path | None) -> None:
    """Make a run's folder with its checkpoint of step 0."""
    torch.manual_seed(config.run.seed)
    if init_from is None:
        covariance = covariance_of(sets.main.astype(np.float32) / 255)
        networks = PhotoNetworks(config.model, covariance.mean)
    else:
        tensors, meta = load_checkpoint(init_from)
        covariance = Covariance(meta["mean"], tensors["covariance"].numpy())
        networks = PhotoNetworks(config.model, covariance.mean)
        before = PhotoConfig.model_validate(meta["config"]).model
        state = below("networks.", tensors)
        if before.channels != config.model.channels or (before.bits == 32 != config.model.bits):
            how = config.widening
            state = widened(
                state, config.model.channels, how.smaller, how.dither, config.run.seed, how.equalise
            )
        networks.load_state_dict(state, strict=False)
        networks.weights()  # learned scales take their start from the weights
    optimiser = PhotoOptimiser(config.optimiser, dict(networks.named_parameters()))
    folder.mkdir(parents=True, exist_ok=True)
    meta = {"step": 0, "init_from": str(init_from) if init_from else None, "mean": covariance.mean,
            "split_hash": sets.split_hash, "config": config.model_dump(mode="json")}
    save_checkpoint(folder, _tensors(networks, optimiser, covariance), meta)
