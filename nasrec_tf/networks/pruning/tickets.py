"""Tickets: which elements or units of each matrix are left, and which go next (paper 6.2)."""

import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.architecture.shapes import NetworkShapes, network_shapes
from nasrec_tf.common.atomic_file import atomic_path
from nasrec_tf.common.damaged_archives import ARCHIVE_DAMAGE
from nasrec_tf.common.errors import RunError, UserError
from nasrec_tf.data.features import Features
from nasrec_tf.networks.part_names import HEAD, part_name
from nasrec_tf.networks.pruning.prune_settings import ALL_PARTS, NETWORK, UNITS, PruneSettings
from nasrec_tf.operators import DENSE_TO_SPARSE, OPERATORS, SPARSE_TO_DENSE, NetworkOptions
from nasrec_tf.operators.base import BlockPart
from nasrec_tf.operators.kept_units import KeptPart, Units

Ticket = Mapping[str, np.ndarray]
"""For each pruned matrix, such as ``block_1_fc/dense``, what is left: (inputs, outputs) bool of
elements, (outputs,) bool of units."""

KERNEL = "_kernel"


class PrunedMatrix(NamedTuple):
    """A matrix that is pruned.

    Args:
        block: number of its block, from 1.
        part: its operator or merger, such as ``fc``.
        name: of the linear map in it, such as ``dense``.
        shape: inputs and outputs.
    """

    block: int
    part: str
    name: str
    shape: tuple[int, int]

    @property
    def path(self) -> str:
        """By which tickets know it, such as ``block_1_fc/dense``."""
        return f"{part_name(self.block, self.part)}/{self.name}"


def pruned_matrices(
    architecture: Architecture,
    features: Features,
    options: NetworkOptions,
    settings: PruneSettings,
) -> tuple[PrunedMatrix, ...]:
    """The matrices of a network that are pruned, in order.

    Those of fully connected operators, dot products and mergers, as in the paper, or all linear
    maps of the blocks; never the final layer, nor embedding tables.

    Args:
        architecture: the architecture, with all units.
        features: what the network reads.
        options: what holds for the whole network.
        settings: how it is pruned.

    Raises:
        UserError: if there is none, or the architecture lacks units already.
    """
    if architecture.is_pruned:
        raise UserError(
            "The architecture is pruned already (kept_units); give the one with all units, or "
            "leave --prune out."
        )
    shapes = network_shapes(architecture, features.dense, features.sparse, options)
    found = []
    for number, sizes in enumerate(shapes.blocks, start=1):
        live = architecture.liveness.blocks[number - 1]
        runs = {"dense": live.dense_operators, "sparse": live.sparse_operators}
        parts: list[tuple[str, BlockPart, Any]] = [
            (name, OPERATORS[name], shape)
            for name, shape in sizes.operators.items()
            if runs[OPERATORS[name].branch]
        ]
        parts += [
            (merger.name, merger, sizes.merger)
            for merger in (DENSE_TO_SPARSE, SPARSE_TO_DENSE)
            if getattr(live, merger.name)
        ]
        for name, part, shape in parts:
            for spec in part.weights(shape):
                matrix = spec.name.removesuffix(KERNEL)
                is_wanted = settings.parts == ALL_PARTS or matrix in part.prunable
                if spec.name.endswith(KERNEL) and is_wanted and 0 not in spec.shape:
                    found.append(PrunedMatrix(number, name, matrix, spec.shape))
    if not found:
        raise UserError(
            "The network has no matrix to prune: no FC, EFC or dot product of it, and no merger, "
            "has one that reaches the logit; leave --prune out."
        )
    return tuple(found)


def whole_ticket(matrices: tuple[PrunedMatrix, ...], settings: PruneSettings) -> dict:
    """The ticket of the first training: everything is left (``M(0) = 1``).

    Args:
        matrices: those that are pruned.
        settings: how.
    """
    outputs_alone = settings.what == UNITS
    return {
        each.path: np.ones(each.shape[1:] if outputs_alone else each.shape, bool)
        for each in matrices
    }


def next_ticket(
    ticket: Ticket, scores: Mapping[str, np.ndarray], settings: PruneSettings, iteration: int
) -> dict[str, np.ndarray]:
    """The ticket without what scores lowest among what is left; of equal ones the first go.

    Args:
        ticket: what is left.
        scores: of each element or unit, by matrix; what is not left is not looked at.
        settings: how many go.
        iteration: of the prunings, from 1.

    Example:
        >>> left = {"block_1_fc/dense": np.ones((1, 4), bool)}
        >>> scores = {"block_1_fc/dense": np.array([[0.3, 0.1, 0.4, 0.2]])}
        >>> settings = PruneSettings(share=0.5)
        >>> next_ticket(left, scores, settings, 1)["block_1_fc/dense"].tolist()
        [[True, False, True, False]]
    """
    if settings.scope == NETWORK:
        return _over_the_network(ticket, scores, settings, iteration)
    found = {}
    for path, left in ticket.items():
        order = np.argsort(_ranked(left, scores[path]), kind="stable")
        goes = order[: left.size - settings.left(left.size, iteration)]
        found[path] = _without(left, goes)
    return found


def _over_the_network(ticket, scores, settings, iteration):
    """As ``next_ticket``, the best of every matrix being left whatever its score."""
    ranked = {path: _ranked(left, scores[path]) for path, left in ticket.items()}
    for values in ranked.values():
        values[np.argmax(values)] = np.inf
    every = np.concatenate(list(ranked.values()))
    count = every.size - max(len(ranked), settings.left(every.size, iteration))
    goes = np.zeros(every.size, bool)
    goes[np.argsort(every, kind="stable")[:count]] = True
    ends = np.cumsum([values.size for values in ranked.values()])
    parts = np.split(goes, ends[:-1])
    return {path: _without(ticket[path], np.flatnonzero(p)) for path, p in zip(ranked, parts)}


def _ranked(left, scores):
    """Scores in a row, of what is not left below all others; not a number counts as lowest."""
    scores = np.nan_to_num(np.asarray(scores, np.float64), nan=-np.inf)
    finite = np.where(np.isneginf(scores), np.finfo(np.float64).min, scores)
    return np.where(left, finite, -np.inf).ravel()


def _without(left, goes):
    flat = left.ravel().copy()
    flat[goes] = False
    return flat.reshape(left.shape)


def pruned_architecture(
    architecture: Architecture, matrices: tuple[PrunedMatrix, ...], ticket: Ticket
) -> Architecture:
    """The architecture without the units that a ticket leaves out.

    Args:
        architecture: with all units.
        matrices: those that are pruned.
        ticket: of units.
    """
    kept: list[dict[str, tuple[int, ...]]] = [{} for _ in architecture.blocks]
    for each in matrices:
        left = ticket[each.path]
        if not left.all():
            columns = tuple(int(column) for column in np.flatnonzero(left))
            kept[each.block - 1][f"{each.part}/{each.name}"] = columns
    return architecture.with_kept_units(kept)


def weight_masks(
    architecture: Architecture,
    features: Features,
    options: NetworkOptions,
    settings: PruneSettings,
    ticket: Ticket,
) -> dict[str, dict[str, np.ndarray]]:
    """What every weight of the network is multiplied by, by part and name; no entry where by 1.

    Where units go, so do their biases and norms, and the rows of all weights that read them.

    Args:
        architecture: with all units.
        features: what the network reads.
        options: what holds for the whole network.
        settings: how it is pruned.
        ticket: what is left.
    """
    if settings.what != UNITS:
        masks: dict[str, dict[str, np.ndarray]] = {}
        for path, left in ticket.items():
            part, name = path.split("/")
            masks.setdefault(part, {})[f"{name}{KERNEL}"] = left.astype(np.float32)
        return masks
    matrices = pruned_matrices(architecture, features, options, settings)
    pruned = pruned_architecture(architecture, matrices, ticket)
    shapes = network_shapes(pruned, features.dense, features.sparse, options)
    return {path: kept.masks() for path, kept in kept_parts(shapes).items()}


def kept_parts(shapes: NetworkShapes) -> dict[str, KeptPart]:
    """What there is of each part of a pruned network, the final layer among them.

    Args:
        shapes: of a pruned architecture.
    """
    found = {
        part_name(number, name): part
        for number, sizes in enumerate(shapes.blocks, start=1)
        for name, part in (sizes.kept.parts if sizes.kept is not None else {}).items()
    }
    logit = Units(1)
    return found | {HEAD: KeptPart(logit, {"head_kernel": (shapes.head_units, logit)})}


def save_ticket(ticket: Ticket, path: str | pathlib.Path) -> None:
    """Writes a ticket to an ``.npz`` file that is there whole or not at all.

    Args:
        ticket: the ticket.
        path: the file.

    Raises:
        UserError: if it cannot be written.
    """
    with atomic_path(path) as draft:
        with open(draft, "wb") as file:
            arrays: Any = {name.replace("/", "|"): ticket[name] for name in ticket}
            np.savez_compressed(file, **arrays)


def load_ticket(path: str | pathlib.Path, wanted: Ticket, mend: str) -> dict[str, np.ndarray]:
    """Reads what ``save_ticket`` wrote.

    Args:
        path: the file.
        wanted: a ticket of the same matrices.
        mend: what the user can do about a damaged file.

    Raises:
        RunError: if it cannot be read, or is of other matrices.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name.replace("|", "/"): file[name] for name in file.files}
    except ARCHIVE_DAMAGE as error:
        raise RunError(f"{path}: cannot be read as a ticket ({error}); {mend}.") from error
    fits = found.keys() == wanted.keys() and all(
        found[name].shape == wanted[name].shape and found[name].dtype == bool for name in wanted
    )
    if not fits:
        raise RunError(f"{path}: is a ticket of another network; {mend}.")
    return {name: found[name] for name in wanted}


def share_left(ticket: Ticket) -> float:
    """Share of the elements or units of all pruned matrices that is left.

    Args:
        ticket: what is left.
    """
    return sum(int(left.sum()) for left in ticket.values()) / sum(
        left.size for left in ticket.values()
    )
