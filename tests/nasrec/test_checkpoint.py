"""Checkpoints survive what happens to disks and processes, or say so in one line."""

import errno
import os
import random
import resource

import keras
import numpy as np
import pytest
import tensorflow as tf

from nasrec_tf.common.errors import RunError, UserError
from nasrec_tf.optimizers.adagrad import Adagrad
from nasrec_tf.training.checkpoint import Checkpoint, restore_weights


def network(value=0.0):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(30)])
    model.compile(optimizer=Adagrad(0.1), loss="mse", jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    fill(model, value)
    return model


def fill(model, value):
    for variable in model.variables:
        variable.assign(tf.fill(variable.shape, value))


def holds(model, value):
    return all((variable.numpy() == value).all() for variable in model.variables)


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "stage" / "checkpoint"


def restored(directory):
    model = network(-1.0)
    return model if Checkpoint(model, directory).restore() else None


def save_twice(directory):
    """Saves 1 and then 2."""
    model = network(1.0)
    checkpoint = Checkpoint(model, directory)
    checkpoint.save()
    fill(model, 2.0)
    checkpoint.save()
    return model, checkpoint


def test_the_last_state_is_kept_and_no_other(directory):
    save_twice(directory)
    assert holds(restored(directory), 2.0)
    assert sorted(path.name for path in directory.iterdir()) == [
        "checkpoint",
        "ckpt-2.data-00000-of-00001",
        "ckpt-2.index",
    ]
    assert tf.train.latest_checkpoint(str(directory)) == str(directory / "ckpt-2")


def test_a_checkpoint_that_tensorflow_s_own_manager_wrote_goes_on(directory):
    model = network(5.0)
    variables = [variable.value for variable in (*model.variables, *model.optimizer.variables)]
    manager = tf.train.CheckpointManager(
        tf.train.Checkpoint(variables=variables), str(directory), max_to_keep=1
    )
    for _ in range(3):
        manager.save()
    again = network(-1.0)
    checkpoint = Checkpoint(again, directory)
    assert checkpoint.restore() and holds(again, 5.0)
    checkpoint.save()
    assert {path.name.split(".")[0] for path in directory.iterdir()} == {"checkpoint", "ckpt-4"}


def files_and_damages():
    for pattern in ("*.index", "*.data*", "checkpoint"):
        for damage in ("emptied", "cut", "zeros", "deleted", "json"):
            yield pattern, damage


def damage(path, how):
    content = path.read_bytes()
    if how == "deleted":
        path.unlink()
    else:
        new = {
            "emptied": b"",
            "cut": content[: len(content) // 3],
            "zeros": bytes(len(content)),
            "json": b'{"step": 1}',
        }
        path.write_bytes(new[how])


def told(directory, restore):
    with pytest.raises(RunError, match=f"delete {directory.parent} to train anew") as error:
        restore()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("pattern", "how"), files_and_damages())
def test_a_damaged_file_is_told_in_one_line_with_the_mend(directory, pattern, how):
    save_twice(directory)
    [path] = directory.glob(pattern)
    damage(path, how)
    told(directory, lambda: Checkpoint(network(), directory).restore())
    told(directory, lambda: restore_weights(network(), directory))


def test_a_flipped_bit_is_never_believed(directory):
    save_twice(directory)
    rng = random.Random(0)
    for path in directory.iterdir():
        content = path.read_bytes()
        for _ in range(25):
            bit = rng.randrange(8 * len(content))
            flipped = bytearray(content)
            flipped[bit // 8] ^= 1 << bit % 8
            path.write_bytes(flipped)
            try:
                assert holds(restored(directory), 2.0), (path, bit)
            except RunError as error:
                assert str(directory) in str(error) and "\n" not in str(error)
        path.write_bytes(content)


def test_a_writer_that_was_killed_leaves_nothing_for_long(directory):
    model, checkpoint = save_twice(directory)
    (directory / "ckpt-3_temp").mkdir()
    (directory / "ckpt-3_temp" / "part-00000-of-00001.data-00000-of-00001").write_bytes(b"half")
    (directory / "ckpt-3.data-00000-of-00001").write_bytes(b"half")
    assert holds(restored(directory), 2.0)
    fill(model, 3.0)
    checkpoint.save()
    assert holds(restored(directory), 3.0)
    assert {path.name.split(".")[0] for path in directory.iterdir()} == {"checkpoint", "ckpt-3"}


def test_a_first_writer_that_was_killed_leaves_no_checkpoint(directory):
    Checkpoint(network(1.0), directory).save()
    (directory / "checkpoint").unlink()
    assert restored(directory) is None


def test_a_device_without_space_is_told_and_the_state_before_is_kept(directory):
    model, checkpoint = save_twice(directory)
    fill(model, 3.0)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Writes beyond this size fail, in TensorFlow's own writer too.
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[1]))
    try:
        with pytest.raises(UserError, match="the one before is kept") as error:
            checkpoint.save()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(directory) in str(error.value) and "\n" not in str(error.value)
    assert os.strerror(errno.EFBIG) in str(error.value)
    assert holds(restored(directory), 2.0)
    assert {path.name.split(".")[0] for path in directory.iterdir()} == {"checkpoint", "ckpt-2"}
    checkpoint.save()
    assert holds(restored(directory), 3.0)


def test_whichever_sync_fails_a_whole_state_is_there_and_synced(directory, monkeypatch):
    sync = os.fsync
    failures = 0
    for failing in range(20):
        model, checkpoint = save_twice(directory)
        fill(model, 3.0)
        calls = []

        def fail_once(descriptor, failing=failing, calls=calls):
            calls.append(os.readlink(f"/proc/self/fd/{descriptor}"))
            if len(calls) == failing + 1:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            sync(descriptor)

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", fail_once)
            try:
                checkpoint.save()
            except UserError as error:
                failures += 1
                assert os.strerror(errno.EIO) in str(error)
                assert "\n" not in str(error)
        model = restored(directory)
        assert holds(model, 2.0) or holds(model, 3.0)
        if len(calls) <= failing:
            break
    # Index, data and their directory, then the state file and its directory once more.
    assert failures == 5
    assert all(os.path.basename(path).startswith("ckpt-") for path in calls[:2])
    assert calls[2] == calls[4] == str(directory)


def test_the_same_weights_for_scoring(directory):
    save_twice(directory)
    model = network(-1.0)
    assert restore_weights(model, directory)
    np.testing.assert_array_equal(model.variables[0].numpy(), 2.0)
    assert not restore_weights(model, directory.parent / "nowhere")
