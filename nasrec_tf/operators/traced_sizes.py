"""Sizes and what is asked of them: integers in a stand-alone network, tensors in the supernet."""

from collections.abc import Callable
from typing import Any

from nasrec_tf import native
from nasrec_tf.common.lazy import tf

Size = Any
"""An ``int``, or a scalar ``int32`` tensor inside the supernet."""


class UpperBound(int):
    """The largest of the sizes that a path may have.

    It equals no other size, so that nothing is left out of a shape made of bounds: the weights at
    such a shape are those that the supernet has to hold.
    """

    def __add__(self, other):
        return UpperBound(int(self) + other)

    __radd__ = __add__


def total(sizes) -> Size:
    """The sum of integers or of scalar tensors.

    Args:
        sizes: of either kind.
    """
    known = sum(size for size in sizes if isinstance(size, int))
    tensors = [size for size in sizes if not isinstance(size, int)]
    if not tensors:
        return known
    result = tf.add_n(tensors) if len(tensors) > 1 else tensors[0]
    return result + known if known else result


def is_static(condition: Any) -> bool:
    """Whether a condition on sizes is known before the network runs.

    Args:
        condition: as ``equal`` gives it.
    """
    return isinstance(condition, bool)


def equal(first: Size, second: Size) -> Any:
    """Whether two sizes agree: a ``bool``, or a scalar tensor inside the supernet.

    Args:
        first: a size.
        second: a size.
    """
    if isinstance(first, UpperBound) or isinstance(second, UpperBound):
        return False
    if isinstance(first, int) and isinstance(second, int):
        return first == second
    return tf.equal(first, second)


def unless(condition: Any, size: Size) -> Size:
    """``size``, or 0 where the condition holds.

    Args:
        condition: as ``equal`` gives it.
        size: a size.
    """
    if is_static(condition):
        return 0 if condition else size
    return tf.where(condition, 0, size)


def unless_fits(
    fits: Any,
    x: Any,
    project: Callable[[Any], Any],
    keep: Callable[[Any], Any] = lambda x: x,
) -> Any:
    """``keep(x)`` if x fits as it is, else ``project(x)``; the supernet decides while it runs.

    Where it does, the weights of a projection that is left out have no entries.

    Args:
        fits: whether it fits, as ``equal`` gives it.
        x: a tensor.
        project: what makes it fit.
        keep: what is done where it fits.
    """
    if is_static(fits):
        return keep(x) if fits else project(x)
    library = native.kernels(x.dtype)
    if library is None:
        return tf.cond(fits, lambda: keep(x), lambda: project(x))
    # Both run, one of them on nothing at all, which is cheaper than graphs within the graph.
    kept, projected = library.nasrec_route(x, fits)
    return library.nasrec_either(keep(kept), project(projected))
