"""A SavedModel in a session of TensorFlow's C API, as a server written in C++ runs it.

A session called from Python copies every input of every call; with dozens of raw columns that takes
longer than some networks.
"""

import ctypes
import pathlib

import numpy as np

_STRING_BYTES = 24
"""Size of ``TF_TString`` (tensorflow/c/tf_tstring.h)."""

_FLOAT, _STRING = 1, 7
"""``TF_DataType`` (tensorflow/c/tf_datatype.h)."""


class _Output(ctypes.Structure):
    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


class CSession:
    """Loads a SavedModel and answers one request again and again.

    Args:
        path: the SavedModel's directory.
        inputs: from tensor name, such as ``"serving_default_I1:0"``, to a value of float32 or
            bytes, a row of one.
        output: tensor name of the answer.
    """

    def __init__(self, path: str, inputs: dict[str, float | bytes], output: str):
        self._api = _library()
        self._status = self._api.TF_NewStatus()
        self._graph = self._api.TF_NewGraph()
        options = self._api.TF_NewSessionOptions()
        tags = (ctypes.c_char_p * 1)(b"serve")
        self._session = self._api.TF_LoadSessionFromSavedModel(
            options, None, path.encode(), tags, 1, self._graph, None, self._status
        )
        self._check(self._status)
        self._inputs = (_Output * len(inputs))(*(self._find(name) for name in inputs))
        self._values = (ctypes.c_void_p * len(inputs))(*(map(self._tensor, inputs.values())))
        self._outputs = (_Output * 1)(self._find(output))
        self._api.TF_DeleteSessionOptions(options)

    def __call__(self) -> float:
        """Answers the request; the first number of the output. Threads may ask at a time."""
        answer = (ctypes.c_void_p * 1)()
        status = self._api.TF_NewStatus()
        self._api.TF_SessionRun(
            self._session,
            None,
            self._inputs,
            self._values,
            len(self._inputs),
            self._outputs,
            answer,
            1,
            None,
            0,
            None,
            status,
        )
        self._check(status)
        self._api.TF_DeleteStatus(status)
        value = ctypes.cast(self._api.TF_TensorData(answer[0]), ctypes.POINTER(ctypes.c_float))[0]
        self._api.TF_DeleteTensor(answer[0])
        return value

    def close(self) -> None:
        for tensor in self._values:
            self._api.TF_DeleteTensor(tensor)
        self._api.TF_DeleteSession(self._session, self._status)
        self._api.TF_DeleteGraph(self._graph)
        self._api.TF_DeleteStatus(self._status)

    def _check(self, status):
        if self._api.TF_GetCode(status):
            raise RuntimeError(self._api.TF_Message(status).decode())

    def _find(self, name):
        operation, index = name.rsplit(":", 1)
        found = self._api.TF_GraphOperationByName(self._graph, operation.encode())
        if not found:
            raise ValueError(f"the SavedModel has no operation {operation!r}")
        return _Output(found, int(index))

    def _tensor(self, value):
        shape = (ctypes.c_int64 * 1)(1)
        if not isinstance(value, bytes):
            tensor = self._api.TF_AllocateTensor(_FLOAT, shape, 1, np.float32().nbytes)
            place = self._api.TF_TensorData(tensor)
            ctypes.cast(place, ctypes.POINTER(ctypes.c_float))[0] = value
            return tensor
        tensor = self._api.TF_AllocateTensor(_STRING, shape, 1, _STRING_BYTES)
        place = self._api.TF_TensorData(tensor)
        self._api.TF_StringInit(place)
        self._api.TF_StringCopy(place, value, len(value))
        return tensor


def _library() -> ctypes.CDLL:
    import tensorflow as tf

    [path] = pathlib.Path(tf.sysconfig.get_lib()).glob("libtensorflow_cc.*")
    api = ctypes.CDLL(str(path))
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    for name, result, arguments in (
        ("TF_NewStatus", pointer, []),
        ("TF_NewGraph", pointer, []),
        ("TF_NewSessionOptions", pointer, []),
        ("TF_GetCode", ctypes.c_int, [pointer]),
        ("TF_Message", ctypes.c_char_p, [pointer]),
        (
            "TF_LoadSessionFromSavedModel",
            pointer,
            [pointer, pointer, ctypes.c_char_p, pointer, ctypes.c_int, pointer, pointer, pointer],
        ),
        ("TF_GraphOperationByName", pointer, [pointer, ctypes.c_char_p]),
        ("TF_AllocateTensor", pointer, [ctypes.c_int, pointer, ctypes.c_int, size]),
        ("TF_TensorData", pointer, [pointer]),
        ("TF_StringInit", None, [pointer]),
        ("TF_StringCopy", None, [pointer, ctypes.c_char_p, size]),
        (
            "TF_SessionRun",
            None,
            [pointer, pointer, pointer, pointer, ctypes.c_int, pointer, pointer, ctypes.c_int]
            + [pointer, ctypes.c_int, pointer, pointer],
        ),
        ("TF_DeleteTensor", None, [pointer]),
        ("TF_DeleteSession", None, [pointer, pointer]),
        ("TF_DeleteSessionOptions", None, [pointer]),
        ("TF_DeleteGraph", None, [pointer]),
        ("TF_DeleteStatus", None, [pointer]),
    ):
        function = getattr(api, name)
        function.restype, function.argtypes = result, arguments
    return api
