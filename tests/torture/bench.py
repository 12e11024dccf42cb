"""Where cases are run, and the undisturbed runs that they begin with and are compared with."""

import dataclasses
import functools
import json
import pathlib
import shutil
import time
from collections.abc import Collection
from typing import Any

from torture.recipes import RECIPES, command, run
from torture.state import differences, state


class Wrong(Exception):
    """A run did not do what it must; the message says what."""


@dataclasses.dataclass(frozen=True)
class Undisturbed:
    """What is known of a stage that nobody disturbed.

    Args:
        seconds: how long it took, start of the process included.
        events: how many events it has that can be disturbed.
    """

    seconds: float
    events: int


class Bench:
    """A place to run cases in, always the same, since runs know where they lie.

    An undisturbed run of each recipe is made once, stage by stage, when it is first needed. What
    it leaves after every stage is kept: a case disturbs one stage and begins with those before it.

    Args:
        directory: where all is kept.
    """

    def __init__(self, directory: pathlib.Path):
        self.place = directory / "case"
        self._kept = directory / "undisturbed"

    def stage(self, recipe: str, stage: str) -> Undisturbed:
        """Time and events of a stage."""
        self._make(recipe)
        return Undisturbed(**json.loads((self._kept / recipe / f"{stage}.json").read_text()))

    def lay_out(self, recipe: str, after: str | None) -> None:
        """Clears the place and puts the undisturbed run there as it was after a stage."""
        self._make(recipe)
        self.clear()
        if after is None:
            self.place.mkdir(parents=True)
        else:
            shutil.copytree(self._kept / recipe / after, self.place, symlinks=True)

    def lay_out_before(self, recipe: str, stage: str) -> None:
        """The same, as it was before a stage."""
        stages = RECIPES[recipe].stages
        number = stages.index(stage)
        self.lay_out(recipe, stages[number - 1] if number else None)

    def clear(self) -> None:
        """Removes what lies at the place."""
        shutil.rmtree(self.place, ignore_errors=True)

    def expected(self, recipe: str, stage: str) -> dict[str, Any]:
        """The state that an undisturbed run has after a stage."""
        self._make(recipe)
        return _state(self._kept / recipe / stage)

    def check(self, recipe: str, stage: str, but: Collection[str] = ()) -> None:
        """Compares the place with the undisturbed run after a stage.

        Args:
            recipe: of the run.
            stage: the last that has finished.
            but: files that are not compared, relative to the place.

        Raises:
            Wrong: if they differ.
        """
        expected = self.expected(recipe, stage)
        found = state(self.place)
        for name in but:
            found[name] = expected.get(name)
        wrong = differences(found, {**dict.fromkeys(but), **expected})
        if wrong:
            raise Wrong(f"another end state: {', '.join(wrong)}")

    def _make(self, recipe: str) -> None:
        kept = self._kept / recipe
        if (kept / "complete").exists():
            return
        shutil.rmtree(kept, ignore_errors=True)
        kept.mkdir(parents=True)
        self.clear()
        self.place.mkdir(parents=True)
        for stage in RECIPES[recipe].stages:
            began = time.monotonic()
            arguments = command(recipe, self.place, ["--stage", stage])
            ended = run(["torture.disturbed", "count", "0", str(self.place), *arguments])
            if ended.code != 0:
                raise Wrong(f"{recipe}, {stage}: the undisturbed run failed: {ended}")
            known = Undisturbed(
                time.monotonic() - began, int(ended.err.rsplit("events ", 1)[1].strip())
            )
            shutil.copytree(self.place, kept / stage)
            (kept / f"{stage}.json").write_text(json.dumps(dataclasses.asdict(known)))
        (kept / "complete").touch()


@functools.cache
def _state(directory: pathlib.Path) -> dict[str, Any]:
    return state(directory)
