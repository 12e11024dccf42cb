"""A recipe is one value with one form; what cannot be used is told in one line."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nasrec_tf.common.config_files import tomllib
from nasrec_tf.common.errors import UserError
from nasrec_tf.common.fields import plain_type
from nasrec_tf.search.config import SearchConfig
from nasrec_tf.training.recipe import RECIPE_FIELDS, Recipe, RecipeError
from nasrec_tf.training.recipes import load_recipe, recipe_names
from nasrec_tf.training.training_plan import TrainingPlan


def values_of(field):
    bounds = field.metadata
    kind = plain_type(field)
    if kind is str:
        values = st.sampled_from(bounds["choices"])
    elif kind is int:
        step = bounds.get("step", 1)
        least, most = bounds["least"] // step, min(bounds["most"], 2**40) // step
        values = st.integers(least, most).map(lambda number: number * step)
    else:
        values = st.floats(bounds["least"], bounds["most"])
    return st.none() | values if field.default is None else values


def fitting(values):
    """Values without those that do not go with the others."""
    left_out = {"weight_decay"} if values.get("optimizer") == "adam" else set()
    left_out |= {"table_l2"} if values.get("row_decay") else set()
    return {name: value for name, value in values.items() if name not in left_out}


RECIPES = st.fixed_dictionaries(
    {}, optional={name: values_of(field) for name, field in RECIPE_FIELDS.items()}
).map(fitting)
RECIPES = RECIPES.map(lambda values: Recipe(**values))


@given(RECIPES)
def test_json_and_toml_give_the_recipe_again(recipe):
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe
    assert Recipe.from_json(tomllib.loads(recipe.to_toml())) == recipe


@given(RECIPES, RECIPES)
def test_recipes_are_equal_where_their_forms_are(left, right):
    assert (left == right) == (left.to_json() == right.to_json())


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("row_decay", -0.001, "at least 0"),
        ("row_decay", float("nan"), "a finite number"),
        ("head_dropout", 1.0, "at most 0.99"),
        ("initial_deviation", 0.0, "at least 1e-30"),
        ("block_dropout", -0.1, "at least 0"),
        ("embedding_dim", 12, "a multiple of 8"),
        ("embedding_dim", 0, "at least 8"),
        ("batch_size", 0, "at least 1"),
        ("batch_size", 2.5, "a whole number"),
        ("epochs", True, "a whole number"),
        ("optimizer", "sgd", "one of adagrad, adam, adamw"),
        ("schedule", None, "a text"),
        ("learning_rate", float("inf"), "a finite number"),
        ("learning_rate", "0.1", "a finite number"),
        ("label_smoothing", 0.6, "at most 0.5"),
        ("normalization", "group", "one of none, layer, batch"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(field, value, rule, tmp_path):
    with pytest.raises(RecipeError) as told:
        Recipe(**{field: value})
    assert str(told.value).startswith(f"{field} must be {rule}. Received: ")
    assert "\n" not in str(told.value)


def test_a_file_is_named_when_its_recipe_cannot_be_used(tmp_path):
    path = tmp_path / "mine.toml"
    for text, what in (
        ("row_decay = -1.0", "row_decay must be at least 0"),
        ("momentum = 0.9", "No field 'momentum' in a recipe"),
        ("row_decay = ", "not valid TOML"),
    ):
        path.write_text(text)
        with pytest.raises(UserError, match=what) as told:
            load_recipe(str(path))
        assert str(told.value).startswith(f"{path}: ")
    path = tmp_path / "mine.json"
    path.write_text('{"epochs": 3}')
    assert load_recipe(str(path)) == Recipe(epochs=3)


def test_an_unknown_name_is_told_with_those_that_there_are():
    with pytest.raises(
        RecipeError,
        match="No recipe 'papre', did you mean 'paper'",
    ):
        load_recipe("papre")


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_of_the_package_can_be_read(name):
    assert isinstance(load_recipe(name), Recipe)


def test_the_default_is_the_papers():
    assert load_recipe("paper") == Recipe()
    assert Recipe().to_json() == {}
    assert str(Recipe()) == "the paper's"


def test_every_field_has_one_option_of_the_search():
    parts = [
        field.metadata["part"]
        for field in dataclasses.fields(SearchConfig)
        if "part" in field.metadata
    ]
    assert sorted(parts) == sorted(RECIPE_FIELDS)


def test_options_and_fields_refuse_the_same():
    for field in dataclasses.fields(SearchConfig):
        part = RECIPE_FIELDS.get(field.metadata.get("part"))
        if part is None or "least" not in part.metadata or field.name == "retrain_learning_rates":
            continue
        for value in (part.metadata["least"] - 1, part.metadata["most"] * 2 + 1):
            with pytest.raises(RecipeError):
                Recipe(**{part.name: value})
            with pytest.raises(UserError, match="--" + field.name.replace("_", "-")):
                SearchConfig(**{field.name: value})


def test_names_are_those_of_the_rooms_below():
    from nasrec_tf.optimizers.catalogue import OPTIMIZERS
    from nasrec_tf.optimizers.schedules import SCHEDULES

    assert set(RECIPE_FIELDS["optimizer"].metadata["choices"]) <= set(OPTIMIZERS)
    assert RECIPE_FIELDS["schedule"].metadata["choices"] == SCHEDULES


def test_adam_takes_no_weight_decay():
    with pytest.raises(RecipeError, match="weight_decay goes with optimizer adamw"):
        Recipe(optimizer="adam", weight_decay=0.1)


def test_a_plan_needs_a_complete_recipe():
    with pytest.raises(RecipeError, match="epochs must be given"):
        TrainingPlan(Recipe(batch_size=64), seed=0)
