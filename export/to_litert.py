"""Convert a trained model to a LiteRT file, and check the file against the model.

examples:
  python -m export.to_litert runs/mine --output gesture.tflite
  python -m export.to_litert runs/mine --quantization int8 --representative videos/train.csv --output gesture.tflite
  python -m export.to_litert model.keras --labels labels.txt --clip-seconds 2 --output gesture.tflite

The exit status is 1 if the conversion fails, or if the file disagrees with the model; 2 for wrong arguments.
"""

import argparse
import os
import sys
from pathlib import Path

from training.arguments import DATA_FORMS

QUANTIZATIONS = ("float32", "float16", "dynamic", "int8")


def make_parser():
    parser = argparse.ArgumentParser(
        prog="python -m export.to_litert", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", metavar="RUN", help="a training run's folder, or a .keras file")
    parser.add_argument("--output", required=True, metavar="FILE", help="the .tflite file to write")
    parser.add_argument("--quantization", choices=QUANTIZATIONS, default="float32", help="default: float32")
    parser.add_argument(
        "--representative",
        metavar="DATA",
        help="the training clips: int8 measures its ranges on them, and every file is checked on them; without it, on "
        f"random pixels. One of: {DATA_FORMS}",
    )
    parser.add_argument("--clips", type=int, default=128, help="clips for the ranges, and for the check (default: 128)")
    parser.add_argument("--seed", type=int, default=0, help="which clips, and how they are cropped (default: 0)")
    parser.add_argument("--labels", metavar="FILE", help="names of the classes, one a line (default: the run's)")
    parser.add_argument("--clip-seconds", type=float, help="the time that a clip spans (default: the run's)")
    parser.add_argument(
        "--min-agreement",
        type=float,
        default=0.9,
        help="the least share of the clips for which file and model must name the same class (default: 0.9)",
    )
    parser.add_argument("--num-threads", type=int, default=1, help="threads for the timing (default: 1)")
    return parser


def main(argv=None):
    parser = make_parser()
    arguments = parser.parse_args(argv)
    if arguments.quantization == "int8" and arguments.representative is None:
        parser.error("--quantization int8 needs --representative")
    if arguments.clips < 1:
        parser.error(f"--clips must be positive. Received: --clips {arguments.clips}")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    from keras_action import litert

    try:
        model, labels, clip_seconds, training = _load(arguments)
        ranges, checks = _make_clips(arguments, model, labels, training)
        report = litert.convert(
            model,
            arguments.output,
            quantization=None if arguments.quantization == "float32" else arguments.quantization,
            representative_clips=ranges,
            labels=labels,
            clip_seconds=clip_seconds,
            metadata={"source": Path(arguments.model).name},
        )
        print(report)
        verification = litert.verify(report.path, model, checks)
        print(verification.gap_table())
        print(f"latency           {litert.benchmark(report.path, num_threads=arguments.num_threads, runs=30)}")
    except (ImportError, OSError, ValueError, RuntimeError, tf.errors.OpError) as error:
        sys.exit(f"error: {error}")
    if arguments.representative is not None and verification.top1_agreement < arguments.min_agreement:
        sys.exit(
            f"error: {report.path} names the class of the model for {verification.top1_agreement:.1%} of the clips "
            f"only, {arguments.min_agreement:.1%} are asked for (--min-agreement)"
        )


def _load(arguments):
    """Returns the model, its labels, the length of its clips, and how the training pipeline cut its clips."""
    import keras

    from keras_action.runs import read_run

    path = Path(arguments.model)
    if not path.exists():
        raise FileNotFoundError(f"There is no such run or model. Received: {path}")
    labels, clip_seconds, training = None, None, {}
    if path.is_dir() or (path.parent / "run.json").is_file():
        run = read_run(path)
        model, labels, clip_seconds = run.load_model(), run.labels, run.clip_seconds
        training = {"color_jitter": run.recipe.color_jitter, "crop_scales": run.recipe.crop_scales}
    else:
        model = keras.saving.load_model(path, compile=False)
    if arguments.labels is not None:
        labels = tuple(Path(arguments.labels).read_text(encoding="utf-8").split("\n"))
        labels = tuple(label.strip() for label in labels if label.strip())
    return model, labels, arguments.clip_seconds or clip_seconds, training


def _make_clips(arguments, model, labels, training):
    """Returns the clips for the ranges, cut as in training, and the clips for the check, cut as in evaluation."""
    import numpy as np

    from keras_action.data import evaluation_dataset, read_data_set, training_dataset

    num_segments, *input_size, _ = model.input_shape[1:]
    if arguments.representative is None:
        noise = np.random.default_rng(arguments.seed).integers(0, 256, (8, *model.input_shape[1:]), dtype="uint8")
        return None, noise
    annotations = read_data_set(arguments.representative, labels=labels, allow_empty_classes=True)
    sizes = {"num_segments": num_segments, "input_size": tuple(input_size), "batch_size": 1}
    ranges = training_dataset(annotations, seed=arguments.seed, **training, **sizes).take(arguments.clips)
    checks = _spread(annotations, arguments.clips)
    checks = evaluation_dataset(checks, **sizes).filter(lambda clips, labels, weights: weights[0] > 0)
    return ranges.as_numpy_iterator(), checks.as_numpy_iterator()


def _spread(annotations, count):
    """At most `count` clips, evenly from the whole set, which may be sorted by class."""
    import dataclasses

    step = max(len(annotations) / count, 1.0)
    chosen = tuple(annotations.clips[int(i * step)] for i in range(int(len(annotations) / step)))
    return dataclasses.replace(annotations, clips=chosen)


if __name__ == "__main__":
    main()
