"""Writes files of LiteRT by hand, for tests that read them."""

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema


def signature(images, results):
    """The names by which a file's only graph is called."""
    definition = schema.SignatureDefT()
    definition.signatureKey, definition.subgraphIndex = b"serving_default", 0
    definition.inputs, definition.outputs = ([], [])
    for maps, name, tensors in ((definition.inputs, "images", images), (definition.outputs, "output", results)):
        for number, tensor in enumerate(tensors):
            each = schema.TensorMapT()
            each.name, each.tensorIndex = f"{name}{number}", tensor
            maps.append(each)
    return definition


class Writer:
    """Writes a file of one graph, tensor by tensor and operator by operator."""

    def __init__(self):
        self.model, self.graph = schema.ModelT(), schema.SubGraphT()
        self.model.version, self.model.subgraphs = 3, [self.graph]
        self.model.buffers, self.model.operatorCodes = [schema.BufferT()], []
        self.graph.tensors, self.graph.operators = [], []

    def tensor(self, name, shape, constant=None, element=np.float32):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.buffer = name, list(shape), 0
        tensor.type = schema.TensorType.INT32 if element is np.int32 else schema.TensorType.FLOAT32
        if constant is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.asarray(constant, element).tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            tensor.buffer = len(self.model.buffers) - 1
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def weights(self, *shape):
        return self.tensor("w", shape, np.zeros(shape))

    def operator(self, code, inputs, result, options=None, **settings):
        operator, named = schema.OperatorT(), schema.OperatorCodeT()
        named.builtinCode = named.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, code)
        named.version = 1
        self.model.operatorCodes.append(named)
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        operator.inputs, operator.outputs = list(inputs), [result]
        if options:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            operator.builtinOptions = getattr(schema, f"{options}T")()
            for name, value in settings.items():
                setattr(operator.builtinOptions, name, value)
        self.graph.operators.append(operator)
        return result

    def content(self, image, result):
        self.graph.inputs, self.graph.outputs = [image], [result]
        self.model.signatureDefs = [signature([image], [result])]
        return self.packed()

    def packed(self):
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())
