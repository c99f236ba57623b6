"""What a check of a camera file found."""

from dataclasses import dataclass, field

from bitprior_runtime.camera.advice import Advice
from bitprior_runtime.camera.camera_file import Camera
from bitprior_runtime.camera.detector import Corrected
from bitprior_runtime.camera.outlying import Outlying
from bitprior_runtime.camera.polarity import Polarity
from bitprior_runtime.camera.scale import Scale
from bitprior_runtime.camera.symptoms import Symptom
from bitprior_runtime.camera.ways import Ways


@dataclass(frozen=True)
class Tried:
    """One way of drift or view.

    Attributes:
        family: ``view`` or ``drift``.
        name: What was tried.
        share: Held-out share of the variance that it explains.
        evidence: In nats over the way as it is so far.
    """

    family: str
    name: str
    share: float
    evidence: float


@dataclass(eq=False)
class Check:
    """What readings say of a camera file.

    Attributes:
        camera: As written.
        fixed: As it should be.
        readings: How many there are.
        patterns: m.
        ways: All orders, shapes, signs, pairings and lags.
        tried: Drifts and views.
        written_share: Share that the file as written explains.
        share: Share that ``fixed`` explains.
        symptoms: What is odd about readings by themselves.
        polarity: What is known of the sign.
        outlying: Readings that the others contradict.
        corrected: The readings after ``fixed``.
        scale: Gain, offset and noise, after ``fixed``; None: nothing is explained.
        advice: What to change.
        notes: How readings came out of their file.
    """

    camera: Camera
    fixed: Camera
    readings: int
    patterns: int
    ways: Ways
    symptoms: tuple[Symptom, ...]
    corrected: Corrected
    notes: tuple[str, ...]
    share: float = 0.0
    polarity: Polarity = field(default_factory=lambda: Polarity(None, 0))
    outlying: Outlying = field(default_factory=lambda: Outlying((), (), ()))
    scale: Scale | None = None
    tried: list[Tried] = field(default_factory=list)
    advice: list[Advice] = field(default_factory=list)

    @property
    def written_share(self) -> float:
        """Share that the file as written explains."""
        return self.ways.written.share

    @property
    def explains(self) -> bool:
        """Whether the patterns explain the readings at all, in the best way that was found."""
        return self.scale is not None

    @property
    def best_as_written(self) -> bool:
        """Whether nothing is to be changed."""
        return self.explains and not any(advice.key for advice in self.advice)
