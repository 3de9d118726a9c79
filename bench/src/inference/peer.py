"""onnxruntime on one thread beside us: arguments are the model, its manifest and a seed.

First a line with inputs that nobody has seen and what becomes of them, then for each line that is read the shortest run, in
milliseconds, of as many as fit into a tenth of a second.
"""
import json
import sys
import time

import numpy as np
import onnxruntime

path, manifest, seed = sys.argv[1:4]
with open(manifest) as file:
    manifest = json.load(file)
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.log_severity_level = 3
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
chance = np.random.default_rng(int(seed))


def fresh(declared, tensor):
    """Numbers like those of a golden vector; what is always the same stays so."""
    shape, numbers = tensor["shape"], tensor["numbers"]
    if "fixed" in declared["from"]:
        return np.array(numbers.get("integer", numbers.get("float")), np.int64).reshape(shape)
    if "integer" in numbers:
        return chance.choice(np.array(numbers["integer"], np.int64), shape)
    known = np.array(numbers["float"], np.float32)
    return chance.normal(known.mean(), known.std() or 0.1, shape).astype(np.float32)


def tensor(array):
    kind = "integer" if array.dtype.kind == "i" else "float"
    return {"shape": list(array.shape), "numbers": {kind: array.ravel().tolist()}}


inputs = [fresh(*pair) for pair in zip(manifest["inputs"], manifest["golden"][0]["inputs"])]
feed = {declared["name"]: array for declared, array in zip(manifest["inputs"], inputs)}
outputs = session.run(None, feed)
about = {"version": onnxruntime.__version__, "inputs": [tensor(it) for it in inputs], "outputs": [tensor(it) for it in outputs]}
print(json.dumps(about), flush=True)
for _ in sys.stdin:
    best, end = float("inf"), time.perf_counter() + 0.1
    while time.perf_counter() < end:
        begun = time.perf_counter()
        session.run(None, feed)
        best = min(best, time.perf_counter() - begun)
    print(best * 1e3, flush=True)
