"""Training steps on an accelerator: time, clips a second and memory of ACTION-Net beside TSN and TSM, and its losses.

Not measured yet on a GPU, for lack of one. Without one it runs on the CPU.

examples:
  python -m benchmarks.gpu --output gpu.json
  python -m benchmarks.gpu --batch-size 16 --minutes 20
  KERAS_BACKEND=torch python -m benchmarks.gpu --backbones resnet50 --methods TSN ACTION

One step is forward, backward and SGD with momentum on a batch of the paper's size, 64 clips of 8 x 224 x 224, that
lies in the accelerator's memory. Each model has a process of its own, one after the other, so that the peak of memory
is that of one model; the ratio is that of the medians of two models' steps. Before that, a small ACTION-Net is
trained on the same clips from the same weights: on the CPU in float32, and on the accelerator in float32 and in
--dtype.

A part that does not fit into --minutes is left out, and named; TSN and ACTION come first, then the others. With
--output all results so far are written after each part, whole or not at all, and their tables in a Markdown file
beside it.
"""

import importlib.util
import os
import platform
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.arguments import add_backbones, add_input_size, add_methods, add_num_segments, benchmark_parser
from benchmarks.processes import alone
from training.methods import METHODS

BACKENDS = ("jax", "torch", "tensorflow")
# The model whose losses are compared. Each step has the same clips, so that the losses fall smoothly.
LOSS_MODEL = {"backbone": "mobilenet_v2", "num_classes": 5, "num_segments": 4, "input_size": 64, "alpha": 0.35}
_LOSS_BATCH, _LOSS_RATE = 10, 0.002
_WARMUP = 3


def find_accelerator(backend):
    """The name of the accelerator that a backend sees, or `None`."""
    if backend == "jax":
        import jax

        device = jax.local_devices()[0]
        return None if device.platform == "cpu" else device.device_kind
    if backend == "torch":
        import torch

        return torch.cuda.get_device_name() if torch.cuda.is_available() else None
    import tensorflow as tf

    devices = tf.config.list_physical_devices("GPU")
    return tf.config.experimental.get_device_details(devices[0]).get("device_name", "GPU") if devices else None


def peak_memory(backend):
    """Bytes of the accelerator that were in use at most in this process, or `None` on a CPU."""
    if find_accelerator(backend) is None:
        return None
    if backend == "jax":
        import jax

        return (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use")
    if backend == "torch":
        import torch

        return torch.cuda.max_memory_allocated()
    import tensorflow as tf

    return tf.config.experimental.get_memory_info("GPU:0")["peak"]


def _use(backend, dtype):
    os.environ["KERAS_BACKEND"] = backend
    import keras

    keras.config.set_dtype_policy(dtype)


def time_steps(backend, dtype, backbone, method, steps, size):
    """Times training steps; with `size` the clips' batch size, number of frames and pixels a side.

    Returns:
        Dict of `seconds` by step, without those that compile, and `peak_bytes`.
    """
    _use(backend, dtype)
    from benchmarks.training_step import make_calls

    step, seconds = make_calls(backbone, [method], "training", *size)[method], []
    for _ in range(_WARMUP + steps):
        start = time.perf_counter()
        step()  # returns the loss as a number, so it has finished
        seconds.append(time.perf_counter() - start)
    return {"seconds": seconds[_WARMUP:], "peak_bytes": peak_memory(backend)}


def train_losses(backend, dtypes, steps, model, on_cpu):
    """Dict from each dtype policy to the losses of so many steps from the same weights on the same clips."""
    if on_cpu:  # the accelerator is hidden from all backends
        os.environ.update(CUDA_VISIBLE_DEVICES="", JAX_PLATFORMS="cpu")
    return {dtype: _losses(backend, dtype, steps, **model) for dtype in dtypes}


def _losses(backend, dtype, steps, backbone, num_classes, num_segments, input_size, **options):
    _use(backend, dtype)
    import keras
    import numpy as np

    import keras_action

    size = {"num_segments": num_segments, "input_size": input_size}
    model = keras_action.build_action_net(backbone, num_classes, dropout=0.0, **size, **options)
    rng = np.random.default_rng(0)
    for weight in model.trainable_weights:  # drawn by NumPy: backends and devices draw other numbers
        if len(weight.shape) > 1 and "shift" not in weight.path:
            weight.assign(rng.standard_normal(weight.shape) * np.sqrt(2 / np.prod(weight.shape[:-1])))
    model.compile(
        keras.optimizers.SGD(_LOSS_RATE, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    clips = rng.uniform(0, 255, (_LOSS_BATCH, num_segments, input_size, input_size, 3)).astype("float32")
    labels = np.arange(_LOSS_BATCH) % num_classes
    return [float(model.train_on_batch(clips, labels)) for _ in range(steps)]


def compare_losses(backend, dtype, steps, limit):
    """The curves of losses; CPU and accelerator at the same time.

    Returns:
        Dict from names to losses, and a list of what was left out.
    """
    curves, left_out = {}, []
    dtypes = list(dict.fromkeys(("float32", dtype)))
    with ThreadPoolExecutor(2) as pool:
        parts = {
            "CPU": pool.submit(alone, train_losses, backend, ["float32"], steps, LOSS_MODEL, True, limit=limit),
            "device": pool.submit(alone, train_losses, backend, dtypes, steps, LOSS_MODEL, False, limit=limit),
        }
        for name, future in parts.items():
            try:
                curves |= {f"{name}, {dtype}": losses for dtype, losses in future.result().items()}
            except (TimeoutError, RuntimeError) as error:
                left_out.append(f"losses, {name}: {error}")
    return curves, left_out


def loss_table(curves):
    """A Markdown table: how far each curve is from the CPU's."""
    import numpy as np

    lines = ["| losses | first | last ten | largest difference from the CPU's |", "| --- | ---: | ---: | ---: |"]
    expected = curves.get("CPU, float32")
    for name, losses in curves.items():
        difference = "" if expected is None else f"{np.abs(np.subtract(losses, expected)).max():.4f}"
        lines.append(f"| {name} | {losses[0]:.4f} | {np.mean(losses[-10:]):.4f} | {difference} |")
    return "\n".join(lines)


def step_table(results, batch_size):
    """A Markdown table of the steps.

    Args:
        results: List of dicts of `backbone`, `method`, `seconds` and `peak_bytes`.
        batch_size: Integer.
    """
    import numpy as np

    lines = [
        "| | ms a step | 10 to 90 % | of TSN's | clips/s | peak memory, GB |",
        "| --- | ---: | --- | ---: | ---: | ---: |",
    ]
    medians = {(row["backbone"], row["method"]): float(np.median(row["seconds"])) for row in results}
    order = list(METHODS)
    for row in sorted(results, key=lambda row: (row["backbone"], order.index(row["method"]))):
        median, base = medians[row["backbone"], row["method"]], medians.get((row["backbone"], "TSN"))
        low, high = 1000 * np.percentile(row["seconds"], [10, 90])
        cells = [
            f"{row['backbone']}, {row['method']}",
            f"{1000 * median:.1f}",
            f"{low:.1f} to {high:.1f}",
            f"{median / base:.2f}" if base else "",
            f"{batch_size / median:.0f}",
            f"{row['peak_bytes'] / 1e9:.2f}" if row["peak_bytes"] else "",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def choose_backend(names, limit=60):
    """The first backend that sees an accelerator, and its name; else the first that is installed, and `None`."""
    installed = [name for name in names if importlib.util.find_spec(name)]
    if not installed:
        raise SystemExit(f"None of the backends is installed. Expected: one of {', '.join(names)}")
    for name in installed:
        try:
            device = alone(find_accelerator, name, limit=limit)
        except (TimeoutError, RuntimeError) as error:
            _say(f"{name}: {error}")
            continue
        if device:
            return name, device
    return installed[0], None


def _say(text):
    print(text, file=sys.stderr, flush=True)


def make_parser():
    parser = benchmark_parser("gpu", __doc__)
    add_backbones(parser)
    add_methods(parser)
    parser.add_argument("--minutes", type=float, default=8, metavar="M", help="for all of it (default: 8)")
    parser.add_argument("--steps", type=int, default=20, metavar="N", help="timed steps of each (default: 20)")
    parser.add_argument("--loss-steps", type=int, default=50, metavar="N", help="compared losses (default: 50)")
    parser.add_argument("--batch-size", type=int, default=64, metavar="B", help="clips (default: 64)")
    add_num_segments(parser)
    add_input_size(parser)
    parser.add_argument("--dtype", default="mixed_bfloat16", metavar="POLICY", help="(default: mixed_bfloat16)")
    parser.add_argument("--output", metavar="FILE", help="write all results as JSON there, and the tables beside it")
    return parser


def main(argv=None):
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if arguments.steps < 1 or arguments.loss_steps < 0:
        parser.error(
            "--steps must be at least 1, --loss-steps at least 0. "
            f"Received: {arguments.steps} and {arguments.loss_steps}"
        )
    end = time.monotonic() + 60 * arguments.minutes
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # for the processes
    chosen = os.environ.get("KERAS_BACKEND")
    backend, device = choose_backend([chosen] if chosen else BACKENDS)
    size = (arguments.batch_size, arguments.num_segments, arguments.input_size)
    head = (
        f"{backend}, {device or f'no accelerator, {os.cpu_count()} cores'}, Python {platform.python_version()}; "
        f"{arguments.dtype}; batches of {size[0]} clips of {size[1]} x {size[2]} x {size[2]}; {arguments.steps} steps"
    )
    report = {"setting": {**vars(arguments), "backend": backend, "device": device}, "losses": {}, "steps": []}
    report["left_out"] = left_out = []
    _say(head)

    def write():
        texts = [head, loss_table(report["losses"]), step_table(report["steps"], size[0])]
        if left_out:
            texts.append("\n".join(["Left out:", *(f"- {text}" for text in left_out)]))
        if arguments.output:
            from keras_action.utils.files import write_json, write_whole

            write_json(arguments.output, report)
            write_whole(Path(arguments.output).with_suffix(".md"), "\n\n".join(texts) + "\n")
        return "\n\n".join(texts)

    if arguments.loss_steps:
        _say(f"losses of {arguments.loss_steps} steps")
        limit = 0.4 * (end - time.monotonic())
        report["losses"], missing = compare_losses(backend, arguments.dtype, arguments.loss_steps, limit)
        left_out += missing
        write()
    compared = [name for name in ("TSN", "ACTION") if name in arguments.methods]
    methods = [*compared, *(name for name in arguments.methods if name not in compared)]
    for method in methods:
        for backbone in arguments.backbones:
            _say(f"{backbone}, {method}: {end - time.monotonic():.0f} s left")
            setting = (backend, arguments.dtype, backbone, method, arguments.steps, size)
            try:
                result = alone(time_steps, *setting, limit=end - time.monotonic())
            except (TimeoutError, RuntimeError) as error:
                left_out.append(f"{backbone}, {method}: {error}")
            else:
                report["steps"].append({"backbone": backbone, "method": method, **result})
            write()
    print(write())


if __name__ == "__main__":
    main()
