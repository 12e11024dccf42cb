"""FuxiCTR's hand-made models from their equations, in NumPy and in double precision.

``draw`` makes what ``tests/golden_baselines.py`` reads: settings, inputs, weights by FuxiCTR's
names (linear weights (out, in)), logits and loss. It shares no code with the models that it checks.
"""

import json

import numpy as np

TABLES = "embedding_layer.embedding_layer.embedding_layers"
FUNCTIONS = {
    "relu": lambda x: np.maximum(x, 0),
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    None: lambda x: x,
}


def draw(model, config, dense, rows, batch=16, seed=0, weights=None):
    """Arrays of a model with drawn weights, or with those that are given by name."""
    peer = Peer(dense, rows, batch, config.get("embedding_dim", 10), seed, weights)
    logits = LOGITS[model](peer, config)
    losses = np.logaddexp(0, logits) - peer.labels * logits
    arrays = {f"w/{name}": value for name, value in peer.weights.items()}
    arrays |= {"in/sparse": peer.sparse.astype(np.int32), "in/y": peer.labels}
    if dense:
        arrays["in/dense"] = peer.dense
    meta = {"model": model, "config": config, "dense": dense, "rows": list(rows), "batch": batch}
    return arrays | {
        "meta": np.array(json.dumps(meta)),
        "logits": logits,
        "loss": np.array(losses.mean()),
    }


def slopes(model, config, dense, rows, arrays, seed=0):
    """Along a drawn direction of each weight, by its name: the direction, and the loss's slope."""
    rng = np.random.default_rng(seed)
    weights = {
        name.removeprefix("w/"): value.astype(np.float64)
        for name, value in arrays.items()
        if name.startswith("w/")
    }
    found = {}
    for name, value in weights.items():
        if "running_" in name:
            continue  # Moved, not trained.
        direction = rng.normal(size=value.shape)
        ahead, behind = (
            draw(model, config, dense, rows, weights=weights | {name: value + step * direction})
            for step in (1e-6, -1e-6)
        )
        found[name] = direction, float(ahead["loss"] - behind["loss"]) / 2e-6
    return found


class Peer:
    """Inputs of a batch, and weights that are drawn where they are first needed."""

    def __init__(self, dense, rows, batch, width, seed, given=None):
        self.given = given
        self.rng = np.random.default_rng(seed)
        self.rows, self.width, self.columns = rows, width, dense
        self.dense = self.rng.normal(size=(batch, dense)).astype(np.float32)
        self.sparse = np.stack([self.rng.integers(0, count, batch) for count in rows], axis=1)
        self.labels = self.rng.integers(0, 2, (batch, 1)).astype(np.float32)
        self.weights = {}

    def weight(self, name, *shape, scale=None):
        if self.given is not None:
            return self.given[name]
        scale = scale or (1.0 / max(shape[-1], 1)) ** 0.5
        self.weights[name] = self.rng.normal(size=shape, scale=scale).astype(np.float32)
        return self.weights[name].astype(np.float64)

    def vectors(self, group=TABLES, width=None, columns=None, fields=None):
        """(batch, fields, width): value times vector of each column, row of each field."""
        width = width or self.width
        columns = range(self.columns) if columns is None else columns
        fields = range(len(self.rows)) if fields is None else fields
        found = [
            self.dense[:, n, None] * self.weight(f"{group}.I{n + 1}.weight", width, 1)[:, 0]
            for n in columns
        ]
        found += [
            self.weight(f"{group}.C{n + 1}.weight", self.rows[n], width, scale=0.5)[
                self.sparse[:, n]
            ]
            for n in fields
        ]
        return np.stack(found, axis=1)

    def first_order(self, path, bias=False):
        total = self.vectors(f"{path}.{TABLES}", width=1).sum(axis=1)
        return total + self.weight(f"{path}.bias", 1) if bias else total

    def linear(self, path, x, outputs, bias=True):
        y = x @ self.weight(f"{path}.weight", outputs, x.shape[-1]).T
        return y + self.weight(f"{path}.bias", outputs, scale=0.3) if bias else y

    def mlp(self, path, x, hidden, output=None, activation="relu", last=None, norm=False):
        number = 0
        for width in hidden:
            x = self.linear(f"{path}.mlp.{number}", x, width)
            number += 1
            if norm:
                x = self.batch_norm(f"{path}.mlp.{number}", x)
                number += 1
            x = FUNCTIONS[activation](x)
            number += 1
        if output is not None:
            x = FUNCTIONS[last](self.linear(f"{path}.mlp.{number}", x, output))
        return x

    def batch_norm(self, path, x):
        scale, offset, mean = (
            self.weight(f"{path}.{name}", x.shape[1], scale=0.5)
            for name in ("weight", "bias", "running_mean")
        )
        if self.given is not None:
            variance = self.given[f"{path}.running_var"]
            return (x - mean) / np.sqrt(variance + 1e-5) * scale + offset
        variance = np.abs(self.weight(f"{path}.running_var", x.shape[1], scale=1.0)) + np.float32(1)
        self.weights[f"{path}.running_var"] = variance.astype(np.float32)
        return (x - mean) / np.sqrt(variance.astype(np.float32) + 1e-5) * scale + offset


def flat(vectors):
    return vectors.reshape(len(vectors), -1)


def pair_sum(vectors):
    count = vectors.shape[1]
    pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
    return sum((vectors[:, i] * vectors[:, j]).sum(axis=1) for i, j in pairs)[:, None]


def settings(config, prefix="dnn_"):
    return {
        "activation": config.get(f"{prefix}activations", "ReLU").lower(),
        "norm": config.get("batch_norm", False),
    }


def lr(peer, config):
    return peer.first_order("lr_layer", bias=True)


def fm(peer, config):
    return peer.first_order("fm.lr_layer", bias=True) + pair_sum(peer.vectors())


def wide_deep(peer, config):
    deep = peer.mlp("dnn", flat(peer.vectors()), config["hidden_units"], 1)
    return peer.first_order("lr_layer") + deep


def deepfm(peer, config):
    vectors = peer.vectors()
    more = settings(config, "hidden_")
    deep = peer.mlp("mlp", flat(vectors), config["hidden_units"], 1, **more)
    return peer.first_order("fm.lr_layer", bias=True) + pair_sum(vectors) + deep


def dlrm(peer, config):
    vectors = peer.vectors(columns=())
    more = {"norm": config.get("batch_norm", False)}
    below, above = (config.get(f"{mlp}_mlp_activations", "relu") for mlp in ("bottom", "top"))
    bottom = []
    if peer.columns:
        units = config["bottom_mlp_units"]
        bottom = [peer.mlp("bottom_mlp", peer.dense, units, peer.width, below, below, **more)]
    tokens = np.concatenate([vectors, *(b[:, None] for b in bottom)], axis=1)
    if config["interaction_op"] == "cat":
        read = flat(tokens)
    else:
        count = tokens.shape[1]
        pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
        products = np.stack([(tokens[:, i] * tokens[:, j]).sum(axis=1) for i, j in pairs], axis=1)
        read = np.concatenate([products, *bottom], axis=1)
    return peer.mlp("top_mlp", read, config["top_mlp_units"], 1, above, **more)


def xdeepfm(peer, config):
    first = vectors = peer.vectors()
    pooled = []
    for number, rows in enumerate(config["cin_hidden_units"], start=1):
        path = f"cin.cin_layer.layer_{number}"
        count = first.shape[1] * vectors.shape[1]
        kernel = peer.weight(f"{path}.weight", rows, count, 1, scale=count**-0.5)[:, :, 0]
        bias = peer.weight(f"{path}.bias", rows, scale=0.1)
        kernel = kernel.reshape(rows, first.shape[1], vectors.shape[1])
        outer = np.einsum("bhd,bmd,ohm->bod", first, vectors, kernel)
        vectors = outer + bias[:, None]
        pooled.append(vectors.sum(axis=2))
    logit = peer.linear("cin.fc", np.concatenate(pooled, axis=1), 1)
    if config["dnn_hidden_units"]:
        deep = config["dnn_hidden_units"]
        logit = logit + peer.mlp("dnn", flat(first), deep, 1, **settings(config))
    return logit + peer.first_order("lr_layer")


def autoint(peer, config):
    x = vectors = peer.vectors()
    width, heads = config["attention_dim"], config["num_heads"]
    for number in range(config["attention_layers"]):
        path = f"self_attention.{number}"
        maps = [peer.linear(f"{path}.W_{name}", x, width, bias=False) for name in "qkv"]
        outputs = []
        for head in range(heads):
            part = slice(head * width // heads, (head + 1) * width // heads)
            query, key, value = (each[:, :, part] for each in maps)
            scores = query @ key.transpose(0, 2, 1)
            if config.get("use_scale"):
                scores = scores / (width // heads) ** 0.5
            shares = np.exp(scores - scores.max(axis=2, keepdims=True))
            outputs.append(shares / shares.sum(axis=2, keepdims=True) @ value)
        output = np.concatenate(outputs, axis=2)
        if config.get("use_residual", True):
            if x.shape[2] != width:
                x = peer.linear(f"{path}.W_res", x, width, bias=False)
            output = output + x
        if config.get("layer_norm"):
            mean, variance = output.mean(axis=2, keepdims=True), output.var(axis=2, keepdims=True)
            output = (output - mean) / np.sqrt(variance + 1e-5)
            output = output * peer.weight(f"{path}.layer_norm.weight", width)
            output = output + peer.weight(f"{path}.layer_norm.bias", width)
        x = np.maximum(output, 0)
    logit = peer.linear("fc", flat(x), 1)
    if config["dnn_hidden_units"]:
        deep = config["dnn_hidden_units"]
        logit = logit + peer.mlp("dnn", flat(vectors), deep, 1, **settings(config))
    return logit + peer.first_order("lr_layer") if config.get("use_wide") else logit


def dcnv2(peer, config):
    first = flat(peer.vectors())
    structure = config.get("model_structure", "parallel")
    mixed = config.get("use_low_rank_mixture")
    crossed = (mixture if mixed else full_cross)(peer, config, first)
    read = [crossed]
    if structure in ("stacked", "stacked_parallel"):
        hidden = config["stacked_dnn_hidden_units"]
        read = [peer.mlp("stacked_dnn", crossed, hidden, **settings(config))]
    if structure in ("parallel", "stacked_parallel"):
        hidden = config["parallel_dnn_hidden_units"]
        read.append(peer.mlp("parallel_dnn", first, hidden, **settings(config)))
    return peer.linear("fc", np.concatenate(read, axis=1), 1)


def full_cross(peer, config, first):
    x = first
    for number in range(config["num_cross_layers"]):
        x = x + first * peer.linear(f"crossnet.cross_layers.{number}", x, first.shape[1])
    return x


def mixture(peer, config, first):
    experts, rank, width = config["num_experts"], config["low_rank"], first.shape[1]
    gates = [
        peer.weight(f"crossnet.gating.{expert}.weight", 1, width)[0] for expert in range(experts)
    ]
    x = first
    for number in range(config["num_cross_layers"]):
        up = peer.weight(f"crossnet.U_list.{number}", experts, width, rank)
        down = peer.weight(f"crossnet.V_list.{number}", experts, width, rank, scale=width**-0.5)
        middle = peer.weight(f"crossnet.C_list.{number}", experts, rank, rank)
        bias = peer.weight(f"crossnet.bias.{number}", width, 1)[:, 0]
        scores = np.exp(np.stack([x @ gate for gate in gates], axis=1))
        shares = scores / scores.sum(axis=1, keepdims=True)
        outputs = []
        for expert in range(experts):
            inner = np.tanh(np.tanh(x @ down[expert]) @ middle[expert].T)
            outputs.append(first * (inner @ up[expert].T + bias))
        x = x + sum(shares[:, n, None] * output for n, output in enumerate(outputs))
    return x


def finalmlp(peer, config):
    x = flat(peer.vectors())
    outputs = []
    for stream in (1, 2):
        gated = x
        if config.get("use_fs", True):
            path = f"fs_module.fs{stream}"
            context = finalmlp_context(peer, path, config[f"fs{stream}_context"])
            gate = peer.mlp(
                f"{path}_gate", context, config["fs_hidden_units"], x.shape[1], last="sigmoid"
            )
            gated = x * 2 * gate
        hidden = config[f"mlp{stream}_hidden_units"]
        norm = config.get(f"mlp{stream}_batch_norm", False)
        activation = config.get(f"mlp{stream}_hidden_activations", "relu")
        outputs.append(peer.mlp(f"mlp{stream}", gated, hidden, None, activation, norm=norm))
    first, second = outputs
    heads = config["num_heads"]
    rows, columns = first.shape[1] // heads, second.shape[1] // heads
    kernel = peer.weight("fusion_module.w_xy", heads * rows * columns, 1, scale=rows**-0.5)
    kernel = kernel.reshape(heads, rows, columns)
    logit = peer.linear("fusion_module.w_x", first, 1)
    logit = logit + peer.linear("fusion_module.w_y", second, 1)
    for head in range(heads):
        left = first[:, head * rows : (head + 1) * rows]
        right = second[:, head * columns : (head + 1) * columns]
        logit = logit + ((left @ kernel[head]) * right).sum(axis=1, keepdims=True)
    return logit


def finalmlp_context(peer, path, names):
    if not names:
        constant = peer.weight(f"{path}_ctx_bias", 1, peer.width)
        return np.repeat(constant, len(peer.labels), axis=0)
    numbers = {kind: [int(n[1:]) - 1 for n in names if n[0] == kind] for kind in "IC"}
    group = f"{path}_ctx_emb.embedding_layer.embedding_layers"
    return flat(peer.vectors(group, columns=sorted(numbers["I"]), fields=sorted(numbers["C"])))


LOGITS = {
    "LR": lr,
    "FM": fm,
    "WideDeep": wide_deep,
    "DeepFM": deepfm,
    "DLRM": dlrm,
    "xDeepFM": xdeepfm,
    "AutoInt": autoint,
    "DCNv2": dcnv2,
    "FinalMLP": finalmlp,
}
