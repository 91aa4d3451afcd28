"""The whole way on videos made by a program: make them, train, evaluate, export, recognise, and report.

examples:
  keras-action demo --output demo
  make demo

Trains ACTION-Net and TSN with MobileNetV2 from scratch, small enough for two CPU cores. The gestures come in pairs
that are each other played backwards: TSN, which looks at each frame alone, can only guess within a pair. An
interrupted demo resumes with the same command. The output folder gets report.html, the videos, the runs and the
LiteRT files.
"""

import argparse
import os
import sys
import time
from pathlib import Path

# The truth of the long video: each gesture, in an order in which opposites follow each other as well as others.
STREAM = (
    *("swipe_left", "swipe_right", "zoom_in", "rotate_cw", "swipe_up", "rotate_ccw", "zoom_out", "swipe_down"),
    *("swipe_right", "zoom_out", "swipe_left", "rotate_cw", "swipe_down", "zoom_in", "rotate_ccw", "swipe_up"),
)


def make_parser():
    parser = argparse.ArgumentParser(
        prog="keras-action demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", default="demo", help="folder for everything (default: demo)")
    parser.add_argument("--clips-per-class", type=int, default=64, help="synthetic clips of each class (default: 64)")
    parser.add_argument("--seed", type=int, default=0, help="of the videos and the training (default: 0)")
    parser.add_argument(
        "--set", nargs="+", action="extend", default=[], metavar="FIELD=VALUE", help="override fields of the recipe"
    )
    return parser


def main(argv=None):
    arguments = make_parser().parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    started = time.monotonic()
    import keras_action
    from keras_action import data, litert
    from keras_action.evaluation import Protocol

    from .recipes import demo

    def say(text):
        print(f"\n== {time.monotonic() - started:4.0f} s  {text}", flush=True)

    folder = Path(arguments.output)
    try:
        recipe = demo.recipe().override([f"seed={arguments.seed}", *arguments.set])
        say(f"Making {arguments.clips_per_class} videos of each of {len(data.SYNTHETIC_GESTURES)} gestures")
        csvs = data.write_synthetic_dataset(folder / "videos", arguments.clips_per_class, seed=arguments.seed)
        training = data.read_annotations(csvs[0])
        validation = data.read_annotations(csvs[1], labels=training.labels)

        runs, evaluations = {}, {}
        # TSN for a third as long, to keep the demo short: seeing the same frames for both gestures of a pair, it cannot
        # pass 5 / 9 of the clips however long it is trained.
        for model, epochs in (("action_net", recipe.epochs), ("tsn", max(1, recipe.epochs // 3))):
            say(f"Training {model} on {len(training)} clips for {epochs} epochs, from scratch")
            run = keras_action.train(
                recipe.override([f"model={model}", f"epochs={epochs}"]),
                training,
                validation,
                folder / model,
                tensorboard=False,
            )
            runs[model] = run
            evaluations[model] = keras_action.evaluate(
                run.load_model(),
                validation,
                Protocol.as_trained(recipe),
                progress=False,
            )
            evaluations[model].save_json(folder / model / "evaluation.json")
            print(evaluations[model])

        say("Exporting ACTION-Net to LiteRT")
        run = runs["action_net"]
        files, verifications = export(run, training, validation, folder)
        for file, verification in verifications.items():
            print(f"{file}:\n{verification.error_table()}")
        latencies = {name: litert.benchmark(file, num_threads=1) for name, file in files.items()}

        say(f"Recognising {len(STREAM)} gestures in one long video, with the int8 file")
        matches, duration = recognise(files["int8"], folder, arguments.seed)
        print(matches)

        path = folder / "report.html"
        write_report(
            path, recipe, runs, evaluations, files, verifications, latencies, matches, duration, training, started
        )
        say(f"Report: {path}")
    except KeyboardInterrupt:
        sys.exit(f"Interrupted. The same command resumes in {folder}.")
    action, tsn = evaluations["action_net"].top1, evaluations["tsn"].top1
    print(f"ACTION-Net {action:.1%}, TSN {tsn:.1%} of the validation clips")
    if not arguments.set and not action >= 0.9 > tsn:
        sys.exit("error: ACTION-Net should reach 90 %, and TSN should not: something is wrong")


def export(run, training, validation, folder):
    """LiteRT files of a run in float32 and int8, and how far each is from the Keras model on validation clips."""
    from keras_action import data, litert
    from keras_action.training.build import training_batches

    sizes = {"num_segments": run.num_segments, "input_size": run.input_size, "batch_size": 8}
    ranges = [clips for clips, _ in training_batches(run.recipe, training).take(8).as_numpy_iterator()]
    checks = [clips for clips, *_ in data.evaluation_dataset(validation, **sizes).take(8).as_numpy_iterator()]
    model = run.load_model()
    files, verifications = {}, {}
    for name in ("float32", "int8"):
        files[name] = folder / f"gesture_{name}.tflite"
        litert.convert(
            model,
            files[name],
            quantization=name,
            representative_clips=ranges,
            labels=run.labels,
            clip_seconds=run.clip_seconds,
        )
        verifications[name] = litert.verify(files[name], model, checks)
    return files, verifications


def recognise(file, folder, seed):
    """What a LiteRT file finds in one long synthetic video, matched with the truth; the video's length in seconds."""
    import keras_action
    from keras_action import data
    from keras_action.recognition import match_events

    video = folder / "stream.mp4"
    truth = data.write_synthetic_stream(video, seed=seed + 10_000, gestures=STREAM)
    recognizer = keras_action.GestureRecognizer(file)
    events = []
    for timestamp, frame in data.iter_frames(video):
        events += recognizer.push(frame, timestamp)
    events += recognizer.flush()
    return match_events(events, truth), timestamp


def write_report(
    path, recipe, runs, evaluations, files, verifications, latencies, matches, duration, training, started
):
    """One self-contained HTML page of all that came out."""
    import numpy as np

    import keras_action
    from keras_action import data, plots

    names = {"action_net": "ACTION-Net", "tsn": "TSN"}
    pairs = {model: report.pair_accuracy(data.TIME_REVERSED_PAIRS) for model, report in evaluations.items()}
    report = keras_action.HtmlReport("keras_action: gestures that differ only in time's direction")
    report.paragraph(
        f"MobileNetV2 (width {recipe.alpha}, {recipe.num_segments} frames of {recipe.input_size} × "
        f"{recipe.input_size} pixels) was trained from scratch on {len(training)} synthetic videos of "
        f"{len(training.labels)} classes for {recipe.epochs} epochs, once with ACTION modules and once without "
        "(TSN). Swipe left is swipe right played backwards, and so with up and down, the two rotations and the two "
        "zooms: a model that ignores the order of frames can only guess which of the two it is, and cannot exceed "
        "5 / 9 = 56 % of the clips. TSN was trained for a third as many epochs."
    )
    report.table(
        ["", *names.values()],
        [
            ["Validation top-1", *(f"{evaluations[model].top1:.1%}" for model in names)],
            *(
                [f"{first} against {second}", *(f"{pairs[model][first, second]:.0%}" for model in names)]
                for first, second in data.TIME_REVERSED_PAIRS
            ),
        ],
        caption=f"Share of the {len(evaluations['tsn'].paths)} validation clips; within a pair, guessing gives 50 %.",
    )
    report.columns(
        [
            (plots.confusion_matrix_figure(evaluations[model].confusion, evaluations[model].labels), names[model])
            for model in names
        ]
    )
    report.heading("The gestures")
    clips = [data.render_gesture(label, seed=7, num_frames=8) for label in data.SYNTHETIC_GESTURES]
    report.figure(
        plots.contact_sheet_figure(np.stack(clips), data.SYNTHETIC_GESTURES),
        "Eight frames of each gesture, left to right in time.",
    )
    report.heading("Training")
    report.columns([(plots.curves_figure(runs[model].folder / "log.csv"), names[model]) for model in names])
    report.heading("On the device")
    report.table(
        ["LiteRT file", "MB", "latency", "same class as Keras", "largest error of logits"],
        [
            [
                name,
                f"{file.stat().st_size / 1e6:.2f}",
                str(latencies[name]),
                f"{verifications[name].top1_agreement:.1%}",
                f"{verifications[name].max_abs_error:.3g}",
            ]
            for name, file in files.items()
        ],
        caption="Measured on the machine that made this page.",
    )
    report.heading("Recognition in one long video")
    report.paragraph(f"{matches.summary()} in {duration:.0f} seconds, with the int8 file and a sliding window.")
    report.code(str(matches))
    report.paragraph(f"Made in {time.monotonic() - started:.0f} seconds by keras-action demo.")
    report.save(path)


if __name__ == "__main__":
    main()
