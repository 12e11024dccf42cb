"""Names of a network's parts, in networks and files."""

EMBEDDING = "embedding"
HEAD = "head"


def part_name(block: int, part: str) -> str:
    """Name of a block's operator or merger.

    Args:
        block: number of the block, from 1.
        part: name of the operator or merger.

    Example:
        >>> part_name(2, "dot_product")
        'block_2_dot_product'
    """
    return f"block_{block}_{part}"
