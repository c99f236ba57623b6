"""Ending a run whose validation PSNR no longer rises."""

from dataclasses import asdict, dataclass
from typing import Any, Self

from bitprior_train.config import ValidationConfig

KEY = "early_stop"  # in a checkpoint's meta data


@dataclass
class EarlyStop:
    """What a run knows of its validations.

    Attributes:
        patience: Validations without a better PSNR before the run ends; 0: it never does.
        min_delta: dB by which a PSNR must rise to count as better.
        best: Highest PSNR so far, dB.
        best_step: Training steps done then.
        counted: The last PSNR that counted as better, dB.
        without: Validations since.
    """

    patience: int
    min_delta: float
    best: float = float("-inf")
    best_step: int = 0
    counted: float = float("-inf")
    without: int = 0

    @classmethod
    def of(cls, config: ValidationConfig, meta: dict[str, Any]) -> Self:
        """Return that of a run with this configuration, as its checkpoint's meta data have it."""
        return cls(config.patience, config.min_delta, **meta.get(KEY, {}))

    def see(self, psnr: float, step: int) -> bool:
        """Take a validation's PSNR in dB into account; return whether it is the best so far."""
        if psnr > self.counted + self.min_delta:
            self.counted, self.without = psnr, 0
        else:
            self.without += 1
        if psnr <= self.best:
            return False
        self.best, self.best_step = psnr, step
        return True

    @property
    def ended(self) -> bool:
        """Whether the run is to end."""
        return 0 < self.patience <= self.without

    def meta(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of it; nothing without patience or before validation."""
        kept = {k: v for k, v in asdict(self).items() if k not in ("patience", "min_delta")}
        return {KEY: kept} if self.patience and self.best_step else {}
