"""Trains a small supernet under a strategy and writes its losses: a process of a test.

python distributed_worker.py none|mirrored|multi-worker LOSSES.json
"""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

STEPS = 20
BATCH = 16


def main(kind, path):
    import tensorflow as tf

    if kind == "mirrored":
        [device] = tf.config.list_physical_devices("CPU")
        halves = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(device, halves)
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    elif kind == "multi-worker":
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    else:
        strategy = tf.distribute.get_strategy()

    import keras
    from core_cases import FEATURES, SMALL, SMALL_OPTIONS, raw_inputs, raw_labels

    from nasrec_tf.networks.supernet.model import Supernet
    from nasrec_tf.optimizers.adagrad import Adagrad
    from nasrec_tf.training.distribution import DistributedSupernet

    def build():
        model = Supernet(SMALL.replace(num_blocks=2), FEATURES, SMALL_OPTIONS, seed=3)
        loss = keras.losses.BinaryCrossentropy(from_logits=True)
        model.compile(optimizer=Adagrad(0.05), loss=loss, jit_compile=False)
        return model

    trainer = DistributedSupernet(strategy, build)
    losses = []
    for step in range(STEPS):
        inputs = {name: tf.constant(v) for name, v in raw_inputs(FEATURES, BATCH, step).items()}
        losses.append(float(trainer.step(inputs, tf.constant(raw_labels(BATCH, step)))))
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"losses": losses, "replicas": strategy.num_replicas_in_sync}, file)


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(__file__))
    main(*sys.argv[1:])
