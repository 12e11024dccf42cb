"""A path of a supernet that learns on by itself before it is scored."""

from nasrec_tf.architecture.architecture import Architecture
from nasrec_tf.search.run import Run


class PathTuning:
    """Trains a path's own weights on from those of a supernet, with fresh accumulators.

    Args:
        run: whose training rows it goes on with.
        model: the supernet; it holds the path's weights after each call.
        steps: of a path.
        rate: learning rate.
    """

    def __init__(self, run: Run, model, steps: int, rate: float):
        import tensorflow as tf

        from nasrec_tf.data.records import derived_seed
        from nasrec_tf.optimizers.adagrad import Adagrad
        from nasrec_tf.optimizers.schedules import WarmupConstant
        from nasrec_tf.training.trainer import OneDevice

        self._model, self._steps = model, steps
        self._weights = [each.numpy() for each in model.weights]
        optimizer = Adagrad(WarmupConstant(rate, self._steps // 10))
        model.compile(optimizer, loss=model.loss, jit_compile=False)
        optimizer.build(model.trainable_variables)
        self._slots = [(each, each.numpy()) for each in optimizer.variables]
        widest = model.encode(model.space.widest)
        self._path = type(widest)(*(tf.Variable(part, trainable=False) for part in widest))
        model.sampler = lambda generator, step: self._path
        self._trainer = OneDevice(model)
        batch = run.settings.batch_size
        seed = derived_seed(run.config.seed, "fine-tuning rows")
        self._batches = lambda epoch: iter(run.records.training_batches(batch, epoch, seed))
        self._of_an_epoch = run.records.steps_per_epoch(batch)

    def __call__(self, architecture: Architecture) -> None:
        for variable, value in (*zip(self._model.weights, self._weights), *self._slots):
            variable.assign(value)
        for part, value in zip(self._path, self._model.encode(architecture)):
            part.assign(value)
        made = 0
        while made < self._steps:
            steps = min(self._of_an_epoch, self._steps - made)
            self._trainer.steps(self._batches(made // self._of_an_epoch), steps)
            made += steps
        self._model.optimizer.settle()
