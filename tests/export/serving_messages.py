"""The messages of TF Serving that the tests read, as protobuf itself understands them.

Only the fields in use are declared, with their numbers in tensorflow/serving (``apis/*.proto``,
``config/model_server_config.proto``). Messages of TensorFlow's own inside them are left as bytes,
which have the same form on the wire.
"""

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

STRING, BYTES, MESSAGE = 9, 12, 11

_MESSAGES = {
    "ModelSpec": [("name", 1, STRING), ("signature_name", 3, STRING)],
    "InputsEntry": [("key", 1, STRING), ("value", 2, BYTES)],
    "PredictRequest": [("model_spec", 1, "ModelSpec"), ("inputs", 2, ["InputsEntry"])],
    "ExampleList": [("examples", 1, [BYTES])],
    "Input": [("example_list", 1, "ExampleList")],
    "ExampleRequest": [("model_spec", 1, "ModelSpec"), ("input", 2, "Input")],
    "PredictLog": [("request", 1, "PredictRequest")],
    "ExampleLog": [("request", 1, "ExampleRequest")],
    "PredictionLog": [
        ("classify_log", 2, "ExampleLog"),
        ("regress_log", 3, "ExampleLog"),
        ("predict_log", 6, "PredictLog"),
    ],
    "ModelConfig": [("name", 1, STRING), ("base_path", 2, STRING), ("model_platform", 4, STRING)],
    "ModelConfigList": [("config", 1, ["ModelConfig"])],
    "ModelServerConfig": [("model_config_list", 1, "ModelConfigList")],
}


def _pool():
    file = descriptor_pb2.FileDescriptorProto(name="serving.proto", package="s", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field_name, number, kind in fields:
            repeated = isinstance(kind, list)
            kind = kind[0] if repeated else kind
            field = message.field.add(name=field_name, number=number, label=3 if repeated else 1)
            field.type = MESSAGE if isinstance(kind, str) else kind
            if isinstance(kind, str):
                field.type_name = f".s.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


_POOL = _pool()


def message_class(name):
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"s.{name}"))
