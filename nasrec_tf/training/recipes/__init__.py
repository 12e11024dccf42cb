"""Recipes by name: each is one TOML file beside this one.

A recipe of one's own is one more file here, or a file anywhere that ``--recipe`` names.
"""

import functools
import pathlib
from typing import Any

from beam_preprocess.common.suggestions import suggestion
from nasrec_tf.common.config_files import read_table
from nasrec_tf.common.errors import UserError
from nasrec_tf.common.strict_json import names_a_file, shown
from nasrec_tf.training.recipe import Recipe, RecipeError

_DIRECTORY = pathlib.Path(__file__).parent

PAPER = "paper"


@functools.cache
def recipe_names() -> tuple[str, ...]:
    """Names of the recipes that come with the package.

    Example:
        >>> "paper" in recipe_names()
        True
    """
    return tuple(sorted(path.stem for path in _DIRECTORY.glob("*.toml")))


def load_recipe(name_or_path: str) -> Recipe:
    """The recipe of that name, or of a file.

    Args:
        name_or_path: of ``recipe_names``, or a TOML or JSON (``.json``) file of a recipe's fields.

    Raises:
        RecipeError: if there is neither such a recipe nor such a file, or the file's values cannot
            be used; the message names it.
        UserError: if the file cannot be read.

    Example:
        >>> load_recipe("paper") == Recipe()
        True
        >>> load_recipe("papre")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        nasrec_tf.training.recipe.RecipeError: No recipe 'papre', did you mean 'paper'?: give ...
    """
    path = _path_of(name_or_path)
    try:
        return Recipe.from_json(read_table(path))
    except UserError as error:
        text = str(error)
        raise RecipeError(text if text.startswith(f"{path}: ") else f"{path}: {text}") from error


def fields_said(name_or_path: str) -> dict[str, Any]:
    """What the recipe's file says, those values included that are the paper's.

    Args:
        name_or_path: as ``load_recipe`` takes it.

    Raises:
        RecipeError: as ``load_recipe`` does.

    Example:
        >>> fields_said("small-data")["epochs"], fields_said("paper")
        (5, {})
    """
    load_recipe(name_or_path)
    return dict(read_table(_path_of(name_or_path)))


def _path_of(name_or_path: str) -> pathlib.Path:
    if name_or_path in recipe_names():
        return _DIRECTORY / f"{name_or_path}.toml"
    if names_a_file(name_or_path):
        return pathlib.Path(name_or_path)
    raise RecipeError(
        f"No recipe {shown(name_or_path)}{suggestion(name_or_path, recipe_names())}: give a file, "
        f"or one of {', '.join(recipe_names())}."
    )
