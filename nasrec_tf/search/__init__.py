"""The main job: from a raw click log to a model that TF Serving loads.

``nasrec_tf.search(run_dir="runs/mine", data="train.csv", ...)`` runs it as a function.
"""

import sys
import types
from typing import Any


def main(arguments=None) -> int:
    """Runs ``python -m nasrec_tf.search``.

    Args:
        arguments: those behind the program's name; the process's own unless given.
    """
    from beam_preprocess.common.program_start import while_loading

    with while_loading():
        from nasrec_tf.search.command import main as run
    return run(arguments)


class _Job(types.ModuleType):
    """This module, which can be called: ``nasrec_tf.search`` is the room and the job."""

    def __call__(self, **options: Any) -> Any:
        import nasrec_tf

        return nasrec_tf.run_search(**options)


sys.modules[__name__].__class__ = _Job
