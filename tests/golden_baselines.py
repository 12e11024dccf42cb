"""Compares a baseline with arrays that FuxiCTR's own code wrote.

    python tests/golden_baselines.py FILE.npz

prints one JSON line. The file holds settings, inputs, weights, logits, loss and gradients of one
model in FuxiCTR's naming and orientation, and where it has them, training steps of its recipe.
"""

import argparse
import json
import sys
import zipfile

import numpy as np
import tensorflow as tf

from nasrec_tf.common.errors import UserError
from nasrec_tf.data.features import Features
from nasrec_tf.networks.baselines import baseline
from nasrec_tf.networks.baselines.baseline_network import BaselineNetwork
from nasrec_tf.optimizers.adam import Adam

# Our models by FuxiCTR's names, and our options by theirs, with what FuxiCTR takes unless told.
DEEP = {
    "dnn_hidden_units": ("hidden", [64, 64, 64]),
    "dnn_activations": ("activation", "relu"),
    "net_dropout": ("dropout", 0.0),
    "batch_norm": ("batch_norm", False),
}
MODELS = {
    "LR": ("lr", {}),
    "FM": ("fm", {}),
    "WideDeep": (
        "wide_deep",
        {
            "hidden_units": ("hidden", [64, 64, 64]),
            "hidden_activations": ("activation", "relu"),
            "net_dropout": ("dropout", 0.0),
            "batch_norm": ("batch_norm", False),
        },
    ),
    "DeepFM": (
        "deepfm",
        {
            "hidden_units": ("hidden", [64, 64, 64]),
            "hidden_activations": ("activation", "relu"),
            "net_dropout": ("dropout", 0.0),
            "batch_norm": ("batch_norm", False),
        },
    ),
    "DLRM": (
        "dlrm",
        {
            "bottom_mlp_units": ("bottom", [64, 64, 64]),
            "top_mlp_units": ("top", [64, 64, 64]),
            "bottom_mlp_activations": ("activation", "relu"),
            "top_mlp_activations": ("top_activation", "relu"),
            "bottom_mlp_dropout": ("bottom_dropout", 0.0),
            "top_mlp_dropout": ("top_dropout", 0.0),
            "interaction_op": ("interaction", "dot"),
            "batch_norm": ("batch_norm", False),
        },
    ),
    "xDeepFM": ("xdeepfm", DEEP | {"cin_hidden_units": ("cin", [16, 16, 16])}),
    "AutoInt": (
        "autoint",
        DEEP
        | {
            "attention_layers": ("attention_layers", 2),
            "num_heads": ("heads", 1),
            "attention_dim": ("attention_dim", 8),
            "layer_norm": ("layer_norm", False),
            "use_scale": ("scale", False),
            "use_residual": ("residual", True),
            "use_wide": ("wide", False),
        },
    ),
    "DCNv2": (
        "dcnv2",
        {
            "model_structure": ("structure", "parallel"),
            "num_cross_layers": ("cross_layers", 3),
            "use_low_rank_mixture": ("mixture", False),
            "low_rank": ("rank", 32),
            "num_experts": ("experts", 4),
            "parallel_dnn_hidden_units": ("parallel", []),
            "stacked_dnn_hidden_units": ("stacked", []),
            "dnn_activations": ("activation", "relu"),
            "net_dropout": ("dropout", 0.0),
            "batch_norm": ("batch_norm", False),
        },
    ),
    "FinalMLP": (
        "finalmlp",
        {
            "mlp1_hidden_units": ("hidden_1", [64, 64, 64]),
            "mlp2_hidden_units": ("hidden_2", [64, 64, 64]),
            "mlp1_hidden_activations": ("activation", "relu"),
            "mlp2_hidden_activations": ("activation_2", "relu"),
            "mlp1_dropout": ("dropout_1", 0.0),
            "mlp2_dropout": ("dropout_2", 0.0),
            "mlp1_batch_norm": ("batch_norm_1", False),
            "mlp2_batch_norm": ("batch_norm_2", False),
            "num_heads": ("heads", 1),
            "use_fs": ("gated", True),
            "fs_hidden_units": ("gate_hidden", [64]),
            "fs1_context": ("context_1", []),
            "fs2_context": ("context_2", []),
        },
    ),
}

OF_TRAINING = {
    "optimizer": "adam",
    "learning_rate": 1e-3,
    "embedding_regularizer": 0.0,
    "net_regularizer": 0.0,
}
"""Settings that no forward pass depends on, with their defaults where steps are compared."""

OF_A_RUN = {
    *("model_id", "model_root", "gpu", "seed", "task", "loss", "metrics", "verbose", "shuffle"),
    *("batch_size", "epochs", "eval_steps", "early_stop_patience", "reduce_lr_on_plateau"),
    *("monitor", "monitor_mode", "save_best_only", "regularizer"),
}
"""Settings of FuxiCTR's ``BaseModel`` and of its runs that nothing here depends on."""

NO_GRADIENT = 1e-6
"""Share of a weight's largest gradient below which an entry's is taken for rounding."""

MAX_NORM = 10.0
"""FuxiCTR clips gradients to this global norm (its ``max_gradient_norm``)."""

TABLES = "embedding_layer.embedding_layer.embedding_layers"


class GoldenError(UserError):
    """A file that is none of golden arrays, or of what is not known here."""


# Settings.


def model_of(meta):
    """The baseline that a file's settings describe."""
    if meta.get("model") not in MODELS:
        raise GoldenError(f"model {meta.get('model')!r} is none of {', '.join(MODELS)}")
    name, known = MODELS[meta["model"]]
    config = meta.get("config", {})
    if not isinstance(config, dict):
        raise GoldenError(f"'config' must hold settings by name (received: {config!r})")
    config = dict(config)
    options = {"embedding_dim": config.pop("embedding_dim", 10)} if name != "lr" else {}
    config.pop("embedding_dim", None)
    for setting in {*OF_TRAINING, *OF_A_RUN}:
        config.pop(setting, None)
    unknown = sorted(set(config) - set(known))
    if unknown:
        raise GoldenError(f"setting {unknown[0]!r} of {meta['model']} is not known here")
    for setting, (option, default) in known.items():
        value = config.get(setting, default)
        if option.startswith(("activation", "top_activation")):
            value = one_activation(setting, value)
        if "dropout" in option and isinstance(value, list):
            value = max(value, default=0.0)  # It is no part of what is compared.
        options[option] = value
    return baseline(name, **ADAPT.get(name, dict)(options))


def one_activation(setting, value):
    names = {str(each).lower() for each in (value if isinstance(value, list) else [value])}
    if len(names) > 1:
        raise GoldenError(f"{setting!r} names several activations: {', '.join(sorted(names))}")
    found = names.pop()
    return {"none": "identity", "linear": "identity"}.get(found, found)


def adapt_autoint(options):
    return options | {
        "layer_norm": "before" if options["layer_norm"] else "none",
        "residual": "fit" if options["residual"] else "none",
        "hidden": options["hidden"] or [],
        "attention_dropout": options["dropout"],
    }


def adapt_fm(options):
    return options | {"dense_fields": "vectors"}


def adapt_xdeepfm(options):
    return options | {"hidden": options["hidden"] or []}


def adapt_dcnv2(options):
    structures = {"crossnet_only": "cross", "stacked_parallel": "both"}
    structure = structures.get(options["structure"], options["structure"])
    parallel, stacked = options.pop("parallel"), options.pop("stacked")
    if not options.pop("mixture"):
        options |= {"rank": None, "experts": 0}
    hidden = stacked if structure == "stacked" else parallel
    if hidden:
        options["hidden"] = hidden
    if structure == "both":
        options["stacked_hidden"] = stacked
    return options | {"structure": structure}


ADAPT = {
    "autoint": adapt_autoint,
    "dcnv2": adapt_dcnv2,
    "deepfm": adapt_fm,
    "fm": adapt_fm,
    "xdeepfm": adapt_xdeepfm,
}


# Weights.


class Theirs:
    """Arrays of one kind, such as weights (``w``) or gradients (``g``), by FuxiCTR's names."""

    def __init__(self, arrays, kind):
        prefix = f"{kind}/"
        self.arrays = {
            name.removeprefix(prefix): value
            for name, value in arrays.items()
            # PyTorch's counter of batches moves nothing where the momentum is given.
            if name.startswith(prefix) and not name.endswith(".num_batches_tracked")
        }
        self.taken = set()

    def __contains__(self, name):
        return name in self.arrays

    def take(self, name):
        if name not in self.arrays:
            raise GoldenError(f"the file has no {name!r}")
        self.taken.add(name)
        return self.arrays[name]

    def check_all_taken(self):
        left = sorted(set(self.arrays) - self.taken)
        if left:
            raise GoldenError(f"{left[0]!r} of the file is no weight of this model")

    def fields(self, path, kind):
        """Numbers of the dense (``I``) or sparse (``C``) fields that a group of tables has."""
        start = f"{path}.{kind}"
        names = [name for name in self.arrays if name.startswith(start)]
        return sorted(int(name.removeprefix(start).split(".")[0]) for name in names)

    def table(self, path):
        numbers = self.fields(path, "C")
        return np.concatenate([self.take(f"{path}.C{number}.weight") for number in numbers])

    def vectors(self, path):
        numbers = self.fields(path, "I")
        return np.stack([self.take(f"{path}.I{number}.weight")[:, 0] for number in numbers])

    def linear(self, ours, path):
        found = {f"{ours}_kernel": self.take(f"{path}.weight").T}
        if f"{path}.bias" in self:
            found[f"{ours}_bias"] = self.take(f"{path}.bias")
        return found

    def tower(self, ours, path, output):
        """An MLP, which numbers its modules: linear maps and, one behind, batch normalisations."""
        numbers = sorted(
            {int(name.split(".")[-2]) for name in self.arrays if name.startswith(f"{path}.mlp.")}
        )
        is_map = [self.arrays[f"{path}.mlp.{n}.weight"].ndim == 2 for n in numbers]
        found, hidden = {}, 0
        for number, linear in zip(numbers, is_map):
            module = f"{path}.mlp.{number}"
            if not linear:
                found |= self.batch_norm(f"{ours}/hidden_{hidden}_norm", module)
            elif output and hidden == sum(is_map) - 1:
                found |= self.linear(f"{ours}/output", module)
            else:
                hidden += 1
                found |= self.linear(f"{ours}/hidden_{hidden}", module)
        return found

    def batch_norm(self, ours, path):
        names = {
            "scale": "weight",
            "offset": "bias",
            "mean": "running_mean",
            "variance": "running_var",
        }
        return {
            f"{ours}_{key}": self.take(f"{path}.{name}")
            for key, name in names.items()
            if f"{path}.{name}" in self  # Gradients have no running statistics.
        }

    def vectors_of_fields(self):
        found = {"embedding/table": self.table(TABLES)}
        if self.fields(TABLES, "I"):
            found["vectors/vectors"] = self.vectors(TABLES)
        return found

    def first_order(self, path):
        group = f"{path}.{TABLES}"
        found = {"first_order/table": self.table(group)}
        if self.fields(group, "I"):
            found["first_order/dense_kernel"] = self.vectors(group)
        if f"{path}.bias" in self:
            found["first_order/dense_bias"] = self.take(f"{path}.bias")
        return found


def lr_weights(theirs, model, features):
    return theirs.first_order("lr_layer")


def fm_weights(theirs, model, features):
    return theirs.vectors_of_fields() | theirs.first_order("fm.lr_layer")


def wide_deep_weights(theirs, model, features):
    found = theirs.vectors_of_fields() | theirs.first_order("lr_layer")
    return found | theirs.tower("deep", "dnn", output=True)


def deepfm_weights(theirs, model, features):
    found = theirs.vectors_of_fields() | theirs.first_order("fm.lr_layer")
    return found | theirs.tower("deep", "mlp", output=True)


def dlrm_weights(theirs, model, features):
    found = {"embedding/table": theirs.table(TABLES)}
    if features.dense:
        found |= theirs.tower("bottom", "bottom_mlp", output=True)
    found |= theirs.tower("top", "top_mlp", output=True)
    first = "top/hidden_1_kernel" if model.top else "top/output_kernel"
    found[first] = found[first][top_rows(model, features)]
    return found


def top_rows(model, features):
    """FuxiCTR's row of each of our first top layer's: there the dense vector is the last, and pairs
    go row by row along the upper triangle, with the dense vector behind them.
    """
    sparse, width = features.sparse, model.embedding_dim if features.dense else 0
    if model.interaction == "cat":
        of_sparse = sparse * model.embedding_dim
        return [*range(of_sparse, of_sparse + width), *range(of_sparse)]
    count = sparse + bool(features.dense)
    places = [sparse, *range(sparse)] if features.dense else list(range(sparse))
    products = []
    for i in range(count):
        for j in range(i):
            low, high = sorted((places[i], places[j]))
            products.append(low * count - low * (low + 1) // 2 + high - low - 1)
    return [*range(len(products), len(products) + width), *products]


def xdeepfm_weights(theirs, model, features):
    found = theirs.vectors_of_fields() | theirs.first_order("lr_layer")
    for number in range(1, len(model.cin) + 1):
        path = f"cin.cin_layer.layer_{number}"
        found[f"cin/layer_{number}_kernel"] = theirs.take(f"{path}.weight")[:, :, 0].T
        found[f"cin/layer_{number}_bias"] = theirs.take(f"{path}.bias")
    found |= theirs.linear("cin/output", "cin.fc")
    return found | (theirs.tower("deep", "dnn", output=True) if model.hidden else {})


def autoint_weights(theirs, model, features):
    found = theirs.vectors_of_fields()
    for number in range(model.attention_layers):
        ours, path = f"attention_{number + 1}", f"self_attention.{number}"
        maps = {"query": "W_q", "key": "W_k", "value": "W_v", "residual": "W_res"}
        for name, module in maps.items():
            if name != "residual" or f"{path}.W_res.weight" in theirs:
                found |= theirs.linear(f"{ours}/{name}", f"{path}.{module}")
        if model.layer_norm != "none":
            found[f"{ours}/norm_scale"] = theirs.take(f"{path}.layer_norm.weight")
            found[f"{ours}/norm_offset"] = theirs.take(f"{path}.layer_norm.bias")
    found |= theirs.linear("head/output", "fc")
    found |= theirs.tower("deep", "dnn", output=True) if model.hidden else {}
    return found | (theirs.first_order("lr_layer") if model.wide else {})


def dcnv2_weights(theirs, model, features):
    found = theirs.vectors_of_fields()
    for number in range(model.cross_layers):
        ours = f"cross/layer_{number + 1}"
        if not model.experts:
            found |= theirs.linear(ours, f"crossnet.cross_layers.{number}")
            continue
        # (experts, width, rank), (experts, rank, rank), (experts, width, rank), (width, 1).
        down, middle, up = (theirs.take(f"crossnet.{name}_list.{number}") for name in "VCU")
        found[f"{ours}_down_kernel"] = np.concatenate(down, axis=1)
        found[f"{ours}_middle_kernel"] = np.concatenate([each.T for each in middle])
        found[f"{ours}_kernel"] = np.concatenate([each.T for each in up])
        found[f"{ours}_bias"] = theirs.take(f"crossnet.bias.{number}")[:, 0]
    if model.experts:
        gates = [theirs.take(f"crossnet.gating.{n}.weight")[0] for n in range(model.experts)]
        found["cross/gates_kernel"] = np.stack(gates, axis=1)
    for name in ("stacked", "parallel"):
        if model.structure in (name, "both"):
            found |= theirs.tower(name, f"{name}_dnn", output=False)
    return found | theirs.linear("head/output", "fc")


def finalmlp_weights(theirs, model, features):
    found = theirs.vectors_of_fields()
    for stream in (1, 2):
        ours, path = f"context_{stream}", f"fs_module.fs{stream}"
        group = f"{path}_ctx_emb.embedding_layer.embedding_layers"
        if model.gated:
            if f"{path}_ctx_bias" in theirs:
                found[f"{ours}/constant"] = theirs.take(f"{path}_ctx_bias")
            if theirs.fields(group, "C"):
                found[f"{ours}/table"] = theirs.table(group)
            if theirs.fields(group, "I"):
                found[f"{ours}/vectors"] = theirs.vectors(group)
            found |= theirs.tower(f"gate_{stream}", f"{path}_gate", output=True)
        found |= theirs.tower(f"mlp_{stream}", f"mlp{stream}", output=False)
    found |= theirs.linear("fusion/first", "fusion_module.w_x")
    found |= theirs.linear("fusion/second", "fusion_module.w_y")
    bilinear = theirs.take("fusion_module.w_xy")
    found["fusion/bilinear_kernel"] = bilinear.reshape(model.hidden_1[-1], -1)
    return found


WEIGHTS = {
    "lr": lr_weights,
    "fm": fm_weights,
    "wide_deep": wide_deep_weights,
    "dlrm": dlrm_weights,
    "deepfm": deepfm_weights,
    "xdeepfm": xdeepfm_weights,
    "autoint": autoint_weights,
    "dcnv2": dcnv2_weights,
    "finalmlp": finalmlp_weights,
}


def by_our_names(arrays, kind, network):
    """Arrays of one kind by the names of our weights, as they are laid out here."""
    theirs = Theirs(arrays, kind)
    found = WEIGHTS[network.baseline.name](theirs, network.baseline, network.features)
    theirs.check_all_taken()
    return found


# Comparison.


def build(arrays, meta):
    """The network of a golden file, with its weights."""
    sparse = arrays["in/sparse"]
    rows = tuple(meta.get("rows", ()))
    if sparse.shape[1] != len(rows):
        raise GoldenError(f"inputs of {sparse.shape[1]} sparse fields, and rows of {len(rows)}")
    dense = arrays["in/dense"].shape[1] if "in/dense" in arrays else 0
    network = BaselineNetwork(model_of(meta), Features(dense, rows))
    assign(network, by_our_names(arrays, "w", network))
    if not ((sparse >= 0) & (sparse < np.array(rows))).all():
        raise GoldenError("'in/sparse' has a row that its table lacks")
    return network


def assign(network, values):
    weights = network.named_weights()
    check_names(weights, values, "weight")
    for name, variable in weights.items():
        if tuple(variable.shape) != values[name].shape:
            raise GoldenError(
                f"{name!r} is {values[name].shape} in the file and {tuple(variable.shape)} here"
            )
        variable.assign(values[name])


def check_names(ours, theirs, kind):
    for name in sorted(set(ours) ^ set(theirs)):
        there = "model" if name in ours else "file"
        raise GoldenError(f"only the {there} has a {kind} {name!r}: is a setting missing?")


def batch_of(arrays, network):
    rows = len(arrays["in/sparse"])
    dense = arrays.get("in/dense", np.zeros((rows, 0), np.float32))
    inputs = {
        "dense": tf.constant(dense, tf.float32),
        "sparse": tf.constant(arrays["in/sparse"], tf.int64),
    }
    return inputs, tf.constant(arrays["in/y"].reshape(rows, 1), tf.float32)


def loss_and_gradients(network, inputs, labels, training, penalty=0.0, net_penalty=0.0):
    """Logits, mean log loss, loss with all penalties, and gradients by our names: dense ones of the
    latter, and those without the penalty of the tables as training has them.
    """
    weights = {
        name: variable for name, variable in network.named_weights().items() if variable.trainable
    }
    with tf.GradientTape(persistent=True) as tape:
        logits = network(inputs, training=training)
        loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, logits))
        tables = {id(each) for each in network.embedding_weights}
        squares = [each for each in weights.values() if id(each) not in tables]
        trained = loss + 0.5 * net_penalty * sum(tf.reduce_sum(each.value**2) for each in squares)
        squares = [tf.reduce_sum(each.value**2) for each in network.embedding_weights]
        total = trained + 0.5 * penalty * tf.add_n(squares)
    values = {name: variable.value for name, variable in weights.items()}
    whole = {n: tf.convert_to_tensor(g) for n, g in tape.gradient(total, values).items()}
    return logits, loss, total, whole, tape.gradient(trained, values)


def worst_gradient(ours, theirs):
    """Largest difference of a gradient, relative to the largest entry of that weight's, or to
    1e-4 of the whole gradient's norm where that is more: below that it is rounding.
    """
    norm = sum(float((value.astype(np.float64) ** 2).sum()) for value in theirs.values()) ** 0.5
    return max(
        float(np.abs(ours[name].numpy() - value).max() / max(np.abs(value).max(), 1e-4 * norm))
        for name, value in theirs.items()
    )


def compare(arrays, network):
    """Differences of logits, loss and gradients, outside of training."""
    inputs, labels = batch_of(arrays, network)
    logits, loss, _, gradients, _ = loss_and_gradients(network, inputs, labels, training=False)
    theirs = by_our_names(arrays, "g", network)
    check_names(gradients, theirs, "gradient")
    return {
        "max_abs_logit_difference": float(
            np.abs(logits.numpy() - arrays["logits"].reshape(-1, 1)).max()
        ),
        "loss_difference": abs(float(loss) - float(arrays["loss"])),
        "max_rel_gradient_difference": worst_gradient(gradients, theirs),
    }


def compare_steps(arrays, network, config):
    """Differences of the first training step, and of all weights after each step that is there.

    A bias before a batch normalisation has no gradient but rounding, which Adam blows up to a full
    step either way; so it moves at random, and the running mean with it. So does the offset of a
    unit that is active in every sample, if the next layer is normalised as well.
    """
    random = moves_at_random(arrays, network)
    settings = settings_of_training(config)
    inputs, labels = batch_of(arrays, network)
    penalties = settings["embedding_regularizer"], settings["net_regularizer"]
    adam = Adam(settings["learning_rate"], clip_norm=MAX_NORM, table_l2=penalties[0])
    adam.build(network.trainable_variables)
    last = max(int(name[1]) for name in arrays if name[:1] == "w" and name[1:2].isdigit())
    found = {"steps": last, "max_abs_weight_difference": 0.0, "max_abs_bias_difference": 0.0}
    for step in range(1, last + 1):
        logits, loss, total, gradients, of_the_loss = loss_and_gradients(
            network, inputs, labels, True, *penalties
        )
        if step == 1:
            found |= first_step(arrays, network, logits, loss, total, gradients)
        weights = network.named_weights()
        adam.apply(list(of_the_loss.values()), [weights[name] for name in of_the_loss])
        if any(name.startswith(f"w{step}/") for name in arrays):
            for name, value in by_our_names(arrays, f"w{step}", network).items():
                difference = np.abs(weights[name].numpy() - value)
                for key, of in (("weight", ~random[name]), ("bias", random[name])):
                    key = f"max_abs_{key}_difference"
                    found[key] = max(found[key], float(difference[of].max(initial=0.0)))
    return found


def settings_of_training(config):
    found = OF_TRAINING | {k: v for k, v in config.items() if k in OF_TRAINING and v is not None}
    if str(found["optimizer"]).lower() != "adam":
        raise GoldenError(f"'optimizer' must be adam (received: {found['optimizer']!r})")
    for name in ("embedding_regularizer", "net_regularizer"):
        try:  # A number, or as text l2(number).
            found[name] = float(str(found[name]).removeprefix("l2(").removesuffix(")"))
        except ValueError:
            raise GoldenError(f"{name!r} must be a number (received: {found[name]!r})") from None
    return found


def moves_at_random(arrays, network):
    """Of each weight, which entries have no gradient but rounding (or, of moving statistics, follow
    such a bias). Tables have none: a row that is not looked up has a gradient of exactly 0.
    """
    by_name, theirs = no_gradient(network), by_our_names(arrays, "step/g", network)
    tables = {id(each) for each in network.embedding_weights}
    found = {}
    for name, variable in network.named_weights().items():
        found[name] = np.full(variable.shape, name in by_name)
        if name in theirs and name not in by_name and id(variable) not in tables:
            gradient = np.abs(theirs[name])
            found[name] = gradient <= NO_GRADIENT * gradient.max()
    return found


def no_gradient(network):
    """Names of biases before batch normalisations, and of the running means behind them."""
    means = [name for name in network.named_weights() if name.endswith("_norm_mean")]
    return {*means, *(name.replace("_norm_mean", "_bias") for name in means)}


def first_step(arrays, network, logits, loss, total, gradients):
    norm = float(tf.linalg.global_norm(list(gradients.values())))
    theirs = by_our_names(arrays, "step/g", network)
    for name in no_gradient(network) & set(theirs):
        del theirs[name]
    return {
        "step_max_abs_probability_difference": float(
            np.abs(tf.sigmoid(logits).numpy() - arrays["step/prob"].reshape(-1, 1)).max()
        ),
        "step_loss_difference": max(
            abs(float(loss) - float(arrays["step/bce"])),
            abs(float(total) - float(arrays["step/total_loss"])),
        ),
        "step_max_rel_gradient_difference": worst_gradient(gradients, theirs),
        "step_rel_norm_difference": abs(norm / float(arrays["step/grad_norm"]) - 1.0),
    }


def compare_file(path):
    """What the command prints of a file.

    Raises:
        GoldenError: if it is none, or of what is not known here.
    """
    try:
        with np.load(path) as file:
            arrays = dict(file)
        meta = json.loads(str(arrays["meta"]))
        network = build(arrays, meta)
        result = {"model": meta["model"]} | compare(arrays, network)
        if any(name.startswith("step/") for name in arrays):
            result |= compare_steps(arrays, network, meta.get("config", {}))
    except KeyError as error:
        raise GoldenError(f"the file has no {error}") from error
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        raise GoldenError(str(error)) from error
    except (ValueError, TypeError) as error:
        raise GoldenError(" ".join(str(error).split())) from error
    return result


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", help="golden arrays (.npz)")
    path = parser.parse_args(arguments).file
    try:
        print(json.dumps(compare_file(path)))
    except UserError as error:
        message = str(error)
        print(f"error: {message if path in message else f'{path}: {message}'}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
