"""Loss curves in files, written and read without TensorFlow."""

import hashlib
import pathlib

from nasrec_tf.common.atomic_file import atomic_file
from nasrec_tf.common.errors import RunError
from nasrec_tf.training.training_files import LOSS_CURVE

CURVE_POINTS = 200
"""Points that a loss curve has at most."""

HEADER = ["step", "loss"]

CHECKSUM = "# checksum "
"""Begins the last line, which files of version 0.1.0 do not have; other readers of CSV are told to
take it for a comment."""


class LossCurve:
    """Mean training loss over equal stretches of steps, kept in a CSV file.

    Args:
        path: the file, of which the directory exists.
        steps: steps of the whole training; a stretch is a two-hundredth of them.

    Attributes:
        points: (last step of a stretch, mean loss over it) of each stretch that is over.

    Example:
        >>> import tempfile
        >>> curve = LossCurve(pathlib.Path(tempfile.mkdtemp()) / "loss.csv", steps=400)
        >>> [curve.add(step, loss) for step, loss in enumerate([0.5, 0.25, 0.75], start=1)]
        [None, 0.375, None]
        >>> curve.save()
        >>> read_curve(curve.path)
        [(2, 0.375)]
    """

    def __init__(self, path: pathlib.Path, steps: int):
        self.path = path
        self.stretch = max(1, steps // CURVE_POINTS)
        self.points: list[tuple[int, float]] = []
        self._sum = 0.0
        self._count = 0

    def resume(self, step: int) -> None:
        """Goes back to the points up to ``step``; a stretch cut short by a stop is begun anew.

        Args:
            step: the last one that counts.

        Raises:
            RunError: if the file is there and no loss curve.
        """
        if self.path.exists():
            self.points = [point for point in read_curve(self.path) if point[0] <= step]

    def add(self, step: int, loss: float) -> float | None:
        """Takes the loss of a step; gives the mean of the stretch that it ends, if it does.

        Args:
            step: number of the step, from 1.
            loss: its loss, in nats.
        """
        self._sum += loss
        self._count += 1
        if step % self.stretch:
            return None
        mean = self._sum / self._count
        self.points.append((step, mean))
        self._sum, self._count = 0.0, 0
        return mean

    def save(self) -> None:
        """Writes the file anew, synced to disk.

        Raises:
            UserError: if it cannot be written.
        """
        lines = [",".join(HEADER), *(f"{step},{loss:.6f}" for step, loss in self.points)]
        text = "".join(f"{line}\n" for line in lines)
        with atomic_file(self.path) as file:
            file.write(f"{text}{CHECKSUM}{_digest(text)}\n")


def kept_curve(directory: pathlib.Path) -> list[tuple[int, float]]:
    """The curve of a training; no points while it has none.

    Args:
        directory: of the training.

    Raises:
        RunError: if the file is damaged.
    """
    path = directory / LOSS_CURVE
    return read_curve(path) if path.exists() else []


def read_curve(path: str | pathlib.Path) -> list[tuple[int, float]]:
    """Points of a curve that ``LossCurve`` saved.

    Args:
        path: the file.

    Returns:
        (step, mean loss) in the order of steps; the loss may be infinite or not a number.

    Raises:
        RunError: if the file cannot be read, or is no loss curve: one line with file and line.

    Example:
        >>> import tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "loss.csv"
        >>> _ = path.write_text("step,loss\\n2,0.5\\n4,0.25\\n")
        >>> read_curve(path)
        [(2, 0.5), (4, 0.25)]
        >>> _ = path.write_text("step,loss\\n2,0.5\\n4\\n")
        >>> read_curve(path)  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        nasrec_tf.common.errors.RunError: ...loss.csv: line 3: damaged: not a step and a loss: '4...
    """
    try:
        text = pathlib.Path(path).read_bytes().decode("utf-8")
    except OSError as error:
        raise RunError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise RunError(f"{path}: damaged: not text; {_mend(path)}.") from error
    text, mark, digest = text.rpartition(CHECKSUM)
    text, digest = (text, digest) if mark else (digest, "")
    if mark and digest.strip() != _digest(text):
        raise RunError(f"{path}: damaged: its checksum is not that of its content; {_mend(path)}.")
    lines = text.splitlines()
    if not lines or lines[0].split(",") != HEADER:
        _refuse(path, 1, "not the header step,loss", lines[0] if lines else "")
    points: list[tuple[int, float]] = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            step, loss = line.split(",")
            point = int(step), float(loss)
        except ValueError:
            _refuse(path, number, "not a step and a loss", line)
        if point[0] <= (points[-1][0] if points else 0):
            _refuse(path, number, "steps have to rise from 1", line)
        points.append(point)
    return points


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _refuse(path, number, what, line):
    shown = repr(line if len(line) <= 60 else line[:57] + "...")
    raise RunError(f"{path}: line {number}: damaged: {what}: {shown}; {_mend(path)}.")


def _mend(path) -> str:
    return f"delete {pathlib.Path(path).name}, of which nothing but the loss curve depends"
