"""The whole job as a function."""

import dataclasses
import os
from typing import Any

from beam_preprocess.common.suggestions import suggestion
from beam_preprocess.errors import DataError
from nasrec_tf.common.errors import UserError
from nasrec_tf.common.own_modules import import_modules


def run_search(
    *, quiet: bool = True, config: Any = None, extend: bool = False, **options: Any
) -> Any:
    """Designs a model for a click log; the same as ``python -m nasrec_tf.search``.

    ``nasrec_tf.search(...)`` is another name for it. Stopped at any moment, the same call goes on
    where it stopped.

    Args:
        quiet: show no progress.
        config: file of options in TOML; those given here go first.
        extend: go on with other options than the run was made with, as ``--extend``.
        **options: as on the command line, ``--run-dir`` as ``run_dir``.

    Returns:
        The ``TrainedModel`` that the run exports.

    Raises:
        UserError: if options or data cannot be used, in one line.

    Example:
        >>> import nasrec_tf
        >>> model = nasrec_tf.search(run_dir="runs/mine", data="train.csv", dataset="csv",
        ...                          label="click")                    # doctest: +SKIP
        >>> model.predict_frame({"age": [31], "city": ["Oslo"]})       # doctest: +SKIP
        array([0.12])
        >>> nasrec_tf.search(label="click", lable="x")
        Traceback (most recent call last):
          ...
        nasrec_tf.common.errors.UserError: search() has no option 'lable', did you mean 'label'?
    """
    from nasrec_tf.search.command import completed_run
    from nasrec_tf.search.config import SearchConfig, load_options
    from nasrec_tf.search.options import modules_of
    from nasrec_tf.search.unread_options import check_read
    from nasrec_tf.strategies.oracle.search_part import is_search_worker
    from nasrec_tf.trained.model_sources import load_run

    known = [field.name for field in dataclasses.fields(SearchConfig)]
    for name in options:
        if name not in known:
            raise UserError(f"search() has no option {name!r}{suggestion(name, known)}")
    try:
        if is_search_worker():
            raise UserError("search(): this process is a worker of a search; run the command.")
        given = {name: _plain(value) for name, value in options.items()}
        stored = {} if config is None else load_options(config)
        import_modules(modules_of(stored | given))
        values = SearchConfig(**stored | given)
        check_read(values, given)
        run = completed_run(values, None, quiet, extend=extend)
        return load_run(run.directory.path)
    except DataError as error:
        raise UserError(str(error)) from error


def _plain(value: Any) -> Any:
    """A value as the command line has it: paths are texts."""
    if isinstance(value, list | tuple):
        return tuple(_plain(part) for part in value)
    return os.fspath(value) if isinstance(value, os.PathLike) else value
