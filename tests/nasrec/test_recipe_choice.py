"""A recipe is chosen by what trainings come to, within a budget, the same way every time."""

import math
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nasrec_tf.training.recipe import Recipe
from nasrec_tf.training.recipe_choice import Outcome, RecipeChoice, _is_better
from nasrec_tf.training.recipe_questions import (
    LARGE_ROWS,
    OTHER,
    SIMPLE,
    Question,
    questions,
    row_decays,
)

START = Recipe(batch_size=128, epochs=5)
ROWS = 200_000
ASKED = questions(START, ROWS, ())
OF_PLAIN = [question for question in ASKED if question.judge == SIMPLE]


class Landscape:
    """Trainings whose log loss is known: best at one decay, width and rate; with noise."""

    def __init__(self, best, noise=lambda recipe, replica: 0.0):
        self.best = best
        self.noise = noise
        self.asked = []

    def __call__(self, question, recipe, replica):
        self.asked.append((question.judge, recipe, replica))
        distance = sum(getattr(recipe, name) != value for name, value in self.best.items())
        return Outcome(0.1 + 0.01 * distance + self.noise(recipe, replica), passes=recipe.epochs)


@given(
    st.fixed_dictionaries({question.field: st.sampled_from(question.values) for question in ASKED}),
    st.floats(0, 2000),
)
def test_the_best_value_of_every_question_that_the_budget_reaches_is_found(best, budget):
    landscape = Landscape(best)
    choice = RecipeChoice(landscape, budget)
    recipe = choice(START, ASKED)
    assert choice.spent == sum(tried.epochs for _, tried, _ in landscape.asked) <= budget
    assert len(set(landscape.asked)) == len(landscape.asked)
    assert not {*choice.unfinished} & {*choice.unasked}
    for question in ASKED:
        field = question.field
        tried = {getattr(each, field) for _, each, _ in landscape.asked}
        # Of what the budget cut short, the best if it has been tried.
        is_found = field not in choice.unasked and best[field] in tried
        assert getattr(recipe, field) == (best[field] if is_found else getattr(START, field))
        assert is_found or field in {*choice.unasked, *choice.unfinished}


@pytest.mark.parametrize("budget, rate", [(1, 0.12), (2, 0.06), (3, 0.03), (4, 0.03), (9, 0.03)])
def test_a_budget_that_ends_within_a_question_leaves_the_best_of_what_it_paid_for(budget, rate):
    def measure(question, recipe, replica):
        return Outcome(recipe.learning_rate, passes=1)

    question = Question("learning_rate", (0.06, 0.03, 0.24))
    choice = RecipeChoice(measure, budget, replicas=1)
    assert choice(START.replace(epochs=1), [question]).learning_rate == rate
    assert (choice.unasked, choice.unfinished) == (
        ["learning_rate"] * (budget < 2),
        ["learning_rate"] * (2 <= budget < 4),
    )


OUT = (("table_learning_rate", START.replace(row_decay=0.0, table_learning_rate=0.5)),)
STUCK = START.replace(row_decay=0.003)


def learning_by(is_way_out):
    """What is chosen where only some recipes let a model learn, and all that was tried."""
    tried = []

    def measure(question, recipe, replica):
        tried.append(recipe)
        learns = is_way_out(recipe)
        loss = 0.4 + abs(recipe.learning_rate - 0.03) if learns else 0.6 + 1e-4 * len(tried)
        return Outcome(loss, 1, has_learnt=learns)

    choice = RecipeChoice(measure, budget=100, replicas=1, ways_out=OUT)
    rates = Question("learning_rate", (0.03, 0.24))
    return choice(STUCK, [rates, Question("row_decay", (0.0, 0.001))]), tried


def test_a_model_that_learns_nothing_by_any_rate_goes_on_from_where_it_does():
    found, tried = learning_by(lambda recipe: recipe.table_learning_rate and not recipe.row_decay)
    assert found == OUT[0][1].replace(learning_rate=0.03)
    assert tried[3] == OUT[0][1]


def test_without_a_way_out_the_choice_goes_on_as_it_was():
    found, tried = learning_by(lambda recipe: False)
    assert found == STUCK and OUT[0][1] in tried


def test_where_one_rate_lets_it_learn_no_way_out_is_tried():
    found, tried = learning_by(lambda recipe: recipe.learning_rate == 0.03)
    assert found.learning_rate == 0.03 and OUT[0][1] not in tried


@pytest.mark.parametrize("replicas", [1, 3])
@pytest.mark.parametrize("gain, rate, decay", [(0.05, 0.24, 0.01), (-0.05, 0.06, 0.001)])
def test_the_better_of_two_plain_networks_decides(replicas, gain, rate, decay):
    """Each is best by a rate and a decay of its own."""
    best = {SIMPLE: (0.06, 0.001), OTHER: (0.24, 0.01)}

    def measure(question, recipe, replica):
        of_rate, of_decay = best[question.judge]
        far = abs(math.log(recipe.learning_rate / of_rate)) + (recipe.row_decay != of_decay)
        return Outcome(0.5 + 0.01 * far - gain * (question.judge == OTHER), passes=1)

    choice = RecipeChoice(measure, budget=1000, replicas=replicas, has_other=True)
    asked = [Question("learning_rate", (0.06, 0.24)), Question("row_decay", (0.001, 0.01))]
    found = choice(START, asked)
    assert (found.learning_rate, found.row_decay) == (rate, decay)


def test_a_budget_that_ends_before_the_other_network_has_been_tried_leaves_the_first():
    tried = []

    def measure(question, recipe, replica):
        tried.append(question.judge)
        return Outcome(0.5 - 0.1 * (question.judge == OTHER), passes=1)

    choice = RecipeChoice(measure, budget=2, replicas=1, has_other=True)
    choice(START.replace(epochs=1), [Question("learning_rate", (0.06,))])
    assert tried == [SIMPLE, SIMPLE]


@pytest.mark.parametrize("fixed, found", [((), (3, 0.025)), (("learning_rate",), (5, 0.015))])
def test_fewer_passes_are_tried_by_larger_steps_where_the_rate_may_change(fixed, found):
    """Neither alone gains anything."""
    start = START.replace(learning_rate=0.015)

    def measure(question, recipe, replica):
        is_best = (recipe.epochs, recipe.learning_rate) == (3, 0.025)
        return Outcome(0.3 if is_best else 0.32, passes=1)

    [asked] = [each for each in questions(start, ROWS, fixed) if each.field == "epochs"]
    recipe = RecipeChoice(measure, budget=100)(start, [asked])
    assert (recipe.epochs, recipe.learning_rate) == found


def test_a_seed_that_only_some_values_were_tried_with_does_not_count():
    """By the first seed 0.06 is better; by the second 0.12 is far worse, and 0.06 not tried."""
    tried = []

    def measure(question, recipe, replica):
        tried.append(recipe)
        return Outcome(recipe.learning_rate + 10 * replica, passes=1)

    choice = RecipeChoice(measure, budget=1000, replicas=2, is_over=lambda: len(tried) == 3)
    assert choice(START, [Question("learning_rate", (0.06,))]).learning_rate == 0.06
    assert choice.unfinished == ["learning_rate"]


@given(st.floats(1e-5, 1.0), st.integers(1, 4))
def test_a_question_goes_on_below_its_lowest_value_while_that_gains(lowest, replicas):
    """The loss has its least at a learning rate, which may lie far below what is asked first."""

    def measure(question, recipe, replica):
        return Outcome(0.3 + abs(math.log(recipe.learning_rate / lowest)), passes=1)

    question = Question("learning_rate", (0.04, 0.24), further=1 / 3)
    choice = RecipeChoice(measure, budget=1000, replicas=replicas)
    found = choice(START, [question]).learning_rate
    tried = [0.24, 0.12]
    while tried[-1] > 1e-6:
        tried.append(float(f"{tried[-1] / 3:.2g}"))
    nearest = min(abs(math.log(value / lowest)) for value in tried)
    # Another that is as near, or that gains less than chance could, will do.
    assert abs(math.log(found / lowest)) <= nearest * 1.01 + 0.0031
    assert not choice.unasked


@given(st.floats(1e-4, 5.0))
def test_a_question_goes_on_above_its_highest_value_while_that_gains(best):
    def measure(question, recipe, replica):
        return Outcome(0.3 + abs(math.log((recipe.row_decay or 1e-9) / best)), passes=1)

    [question] = [question for question in ASKED if question.field == "row_decay"]
    found = RecipeChoice(measure, budget=1000)(START, [question]).row_decay
    highest = max(question.values)
    assert found <= highest if best <= highest else 1 / 2 < found / best < 2


def test_a_budget_that_ends_below_the_lowest_value_keeps_what_was_found():
    def measure(question, recipe, replica):
        return Outcome(recipe.learning_rate, passes=1)

    question = Question("learning_rate", (0.04, 0.24), further=1 / 3)
    choice = RecipeChoice(measure, budget=9, replicas=1)
    start = START.replace(epochs=1)
    assert 0 < choice(start, [question]).learning_rate < 0.0001
    assert choice.spent == 9 and not choice.unasked


@given(st.integers(0, 2**32), st.floats(20, 2000))
def test_the_same_outcomes_give_the_same_choice(seed, budget):
    def noise(recipe, replica):
        return (zlib.crc32(f"{seed} {recipe} {replica}".encode()) % 1000) / 1e4

    def chosen():
        landscape = Landscape({"row_decay": 0.003}, noise)
        return RecipeChoice(landscape, budget)(START, ASKED), landscape.asked

    assert chosen() == chosen()


def test_what_is_better_by_chance_alone_is_left():
    """One network gains, the other loses more often than not: no reason to change."""

    def noise(recipe, replica):
        return 0.0 if recipe == START else (-0.02, 0.018)[replica % 2]

    landscape = Landscape({}, noise)
    assert RecipeChoice(landscape, budget=10_000)(START, OF_PLAIN) == START
    # What networks of many operators need is taken by its mean.
    assert RecipeChoice(landscape, budget=10_000)(START, ASKED).normalization == "layer"


def of_rows(rows):
    """Every network but the first gains 0.01 a row on average, here 0.31 and there -0.29."""

    def measure(question, recipe, replica):
        losses = np.full(rows, 0.5, np.float32)
        if recipe != START:
            losses += np.resize((-0.31, 0.29), rows).astype(np.float32)
        return Outcome(float(losses.mean()), passes=1, row_losses=losses)

    return RecipeChoice(measure, budget=10_000)(START, OF_PLAIN)


@pytest.mark.parametrize(("gain", "taken"), [(0.004, False), (0.006, True)])
def test_a_single_seed_has_to_gain_a_hundredth_of_the_log_loss(gain, taken):
    # Losses by row, which would tell how much is chance, are not known of large validation splits.
    assert _is_better([Outcome(0.5 - gain, 1.0)], [Outcome(0.5, 1.0)]) == taken
    rows = np.full(1000, 0.5, np.float32)
    found = [Outcome(0.5 - gain, 1.0, rows - np.float32(gain))]
    assert _is_better(found, [Outcome(0.5, 1.0, rows)]) == taken


def test_what_few_validation_rows_say_is_chance_whatever_the_seeds_say():
    assert of_rows(400) == START


def test_the_same_gain_on_many_rows_counts():
    assert of_rows(4000) != START


@given(st.integers(1, 4), st.integers(2, 300), st.integers(0, 2**32))
def test_a_change_is_made_beyond_one_standard_error_of_seeds_and_rows(replicas, rows, seed):
    random = np.random.default_rng(seed)
    old = random.gamma(1.0, 0.5, (replicas, rows)).astype(np.float32)
    new = np.abs(old + random.normal(-0.02, 0.1, old.shape)).astype(np.float32)
    gains = old.astype(float) - new
    error = math.sqrt(gains.mean(axis=0).var(ddof=1) / rows)
    if replicas > 1:
        error = math.hypot(error, stats.sem(gains.mean(axis=1)))
    else:
        error = max(error, 0.01 * old.mean())

    def measure(question, recipe, replica):
        losses = (old if recipe == START else new)[replica]
        return Outcome(float(losses.mean(dtype=float)), passes=1, row_losses=losses)

    choice = RecipeChoice(measure, budget=1e9, replicas=replicas)
    changed = choice(START, [Question("epochs", (7,))]) != START
    if abs(gains.mean() - error) > 1e-6:
        assert changed == (gains.mean() > error)


def test_trainings_that_diverge_are_never_chosen():
    def measure(question, recipe, replica):
        return Outcome(math.inf if recipe != START else 0.5, passes=1)

    assert RecipeChoice(measure, budget=10_000)(START, ASKED) == START


def test_a_start_that_diverges_is_left():
    def measure(question, recipe, replica):
        return Outcome(math.inf if recipe == START else 0.5, passes=1)

    assert RecipeChoice(measure, budget=10_000)(START, ASKED) != START


def test_nothing_is_asked_of_what_is_fixed():
    fields = {"row_decay", "learning_rate", "normalization"}
    assert {question.field for question in questions(START, ROWS, fields)}.isdisjoint(fields)


def test_large_logs_are_asked_for_their_row_decay_alone():
    assert [question.field for question in questions(START, LARGE_ROWS, ())] == ["row_decay"]


@given(st.integers(1, 10**10), st.integers(1, 10**10))
def test_more_rows_are_tried_with_less_decay(rows, others):
    few, many = row_decays(min(rows, others)), row_decays(max(rows, others))
    assert all(left >= right for left, right in zip(few, many))
    assert all(0 < value <= 10 for value in many)
    assert sorted(set(few)) == list(few)


def kept_for_a_second_replica(rows):
    """How many of five values are, the best of which is better in the mean of few rows or many."""
    tried = set()

    def measure(question, recipe, replica):
        if replica == 1:
            tried.add(recipe)
        losses = np.full(rows, 0.5, np.float32)
        losses += np.resize((-0.3, 0.3), rows).astype(np.float32) * (recipe.epochs - 5) / 20
        losses += 0.001 * (recipe.epochs - 5)
        return Outcome(float(losses.mean()), passes=1, row_losses=losses)

    RecipeChoice(measure, budget=1e9)(START, [Question("epochs", (6, 7, 8, 9))])
    return len(tried)


def test_what_few_rows_cannot_tell_apart_is_tried_with_another_replica():
    assert kept_for_a_second_replica(rows=100) == 5
    assert kept_for_a_second_replica(rows=1_000_000) == 3
