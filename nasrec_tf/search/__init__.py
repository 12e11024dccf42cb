"""The main job: from a raw click log to a model that TF Serving loads."""


def main(arguments=None) -> int:
    """Runs ``python -m nasrec_tf.search``.

    Args:
        arguments: those behind the program's name; the process's own unless given.
    """
    from nasrec_tf.search.command import main as run

    return run(arguments)
