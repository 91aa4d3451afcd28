"""Time a training step and inference of ACTION-Net and its parts against TSN, per backbone, on this machine.

examples:
  python -m benchmarks.training_step
  python -m benchmarks.training_step --backbones mobilenet_v2 --methods TSN TSM shift STE CE ME ACTION
  python -m benchmarks.training_step --kinds training --compare-batch-norm
  KERAS_BACKEND=jax python -m benchmarks.training_step --dtype mixed_bfloat16 --batch-size 32

All models of a backbone are timed in turn, one call of each a round, so that what else the machine does falls on all
of them. A ratio is the median of the rounds' own ratios to TSN; the range beside it is their 10th to 90th percentile.
"""

import os
import platform
import sys
import time
from dataclasses import dataclass

from benchmarks.arguments import add_backbones, add_input_size, add_methods, add_num_segments, benchmark_parser
from training.methods import build_method

_UNFUSED = ", batch normalisation as Keras has it"


@dataclass(frozen=True)
class Timing:
    """The times of one method over the rounds, beside TSN's in the same rounds."""

    method: str
    seconds: tuple[float, ...]
    baseline: tuple[float, ...]

    @property
    def milliseconds(self):
        """The median."""
        return 1000 * _percentile(self.seconds, 50)

    def ratio(self, percent=50):
        """That percentile of the rounds' ratios to TSN."""
        return _percentile([own / other for own, other in zip(self.seconds, self.baseline, strict=True)], percent)


def _percentile(values, percent):
    import numpy as np

    return float(np.percentile(values, percent))


def time_in_turn(calls, rounds, warmup=2, clock=None):
    """Times functions in turn.

    Args:
        calls: Dict from a method's name to a function without arguments that returns when its work is done; the first
            is what the others are compared with.
        rounds: Integer, how often each is timed.
        warmup: Integer, how often each is called before that: the first call traces or compiles.
        clock: Function that gives seconds; `None` for `time.perf_counter`.

    Returns:
        Dict from each name to its `Timing`.
    """
    clock = clock or time.perf_counter
    for name, call in calls.items():
        note(f"warming up {name}")
        for _ in range(warmup):
            call()
    seconds = {name: [] for name in calls}
    for i in range(rounds):
        for name, call in calls.items():
            start = clock()
            call()
            seconds[name].append(clock() - start)
        note(f"round {i + 1} of {rounds}")
    baseline = tuple(next(iter(seconds.values())))
    return {name: Timing(name, tuple(values), baseline) for name, values in seconds.items()}


def make_calls(backbone, methods, kind, batch_size=2, num_segments=8, input_size=224, num_classes=83, xla=False):
    """For each method a function that makes one step of training, or one pass of inference, on random clips.

    Args:
        backbone: Name of the backbone, in the paper's variant where it has it.
        methods: Names of `METHODS`. Batch normalisation is fused, as in `keras_action.train`, except for a name with
            `_UNFUSED` behind it.
        kind: `"training"`: forward, backward and SGD with momentum on one batch; or `"inference"`.
        xla: Boolean; whether XLA compiles, as it always does on JAX. Otherwise Keras decides.
    """
    import keras
    import numpy as np

    from keras_action.training import use_fused_batch_norm

    rng = np.random.default_rng(0)
    clips = rng.integers(0, 256, (batch_size, num_segments, input_size, input_size, 3)).astype("float32")
    clips = keras.ops.convert_to_tensor(clips)  # on the device, once: the way there is no part of the step
    labels = keras.ops.convert_to_tensor(rng.integers(0, num_classes, batch_size).astype("int32"))
    options = {"num_classes": num_classes, "num_segments": num_segments, "input_size": input_size}

    def make(method):
        model = build_method(backbone, method.removesuffix(_UNFUSED), **options)
        if not method.endswith(_UNFUSED):
            use_fused_batch_norm(model)
        model.compile(
            optimizer=keras.optimizers.SGD(1e-4, momentum=0.9),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            jit_compile=True if xla else "auto",
        )
        if kind == "training":
            return lambda: model.train_on_batch(clips, labels)
        return lambda: model.predict_on_batch(clips)

    return {method: make(method) for method in methods}


def table(backbone, kind, timings):
    """A Markdown table of the timings."""
    lines = [f"| {backbone}, {kind} | ms | of TSN's | 10 to 90 % |", "| --- | ---: | ---: | --- |"]
    for name, timing in timings.items():
        spread = f"{timing.ratio(10):.2f} to {timing.ratio(90):.2f}"
        lines.append(f"| {name} | {timing.milliseconds:.0f} | {timing.ratio():.2f} | {spread} |")
    return "\n".join(lines)


def note(text):
    """Says on standard error how far it is: on a terminal in one line."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


def _devices():
    import keras

    backend = keras.backend.backend()
    if backend == "torch":
        import torch

        devices = ["gpu:0"] if torch.cuda.is_available() else ["cpu:0"]
    else:
        devices = keras.distribution.list_devices()
    return f"{backend}, {', '.join(map(str, devices))}, {os.cpu_count()} cores, Python {platform.python_version()}"


def make_parser():
    parser = benchmark_parser("training_step", __doc__)
    add_backbones(parser)
    add_methods(parser, always="; TSN is always there")
    parser.add_argument(
        "--kinds", nargs="+", choices=("training", "inference"), default=["training", "inference"], metavar="KIND",
        help="training, inference or both (default: both)",
    )  # fmt: skip
    parser.add_argument(
        "--compare-batch-norm", action="store_true",
        help="also time each method with Keras' own batch normalisation in place of the fused one",
    )  # fmt: skip
    parser.add_argument("--rounds", type=int, default=10, metavar="N", help="timed calls of each (default: 10)")
    parser.add_argument("--batch-size", type=int, default=2, metavar="B", help="clips (default: 2)")
    add_num_segments(parser)
    add_input_size(parser)
    parser.add_argument(
        "--dtype", default="float32", metavar="POLICY", help="such as mixed_bfloat16 (default: float32)"
    )
    parser.add_argument("--xla", action="store_true", help="compile with XLA (default: Keras decides)")
    return parser


def main(argv=None):
    arguments = make_parser().parse_args(argv)
    if arguments.rounds < 1:
        raise SystemExit(f"--rounds must be at least 1. Received: {arguments.rounds}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras

    keras.config.set_dtype_policy(arguments.dtype)
    setting = {name: getattr(arguments, name) for name in ("batch_size", "num_segments", "input_size")}
    print(f"{_devices()}; {arguments.dtype}{', XLA' * arguments.xla}; clips {setting}; {arguments.rounds} rounds")
    methods = ["TSN", *(method for method in arguments.methods if method != "TSN")]
    if arguments.compare_batch_norm:
        methods = [name + suffix for name in methods for suffix in ("", _UNFUSED)]
    for backbone in arguments.backbones:
        for kind in arguments.kinds:
            try:
                calls = make_calls(backbone, methods, kind, **setting, xla=arguments.xla)
            except ValueError as error:
                raise SystemExit(str(error)) from None
            timings = time_in_turn(calls, arguments.rounds)
            note("")
            print(f"\n{table(backbone, kind, timings)}", flush=True)
            del calls
            keras.backend.clear_session()


if __name__ == "__main__":
    main()
