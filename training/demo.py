"""All steps on synthetic videos: render them, train, evaluate, convert, recognise, and write a report.

examples:
  keras-action demo --output demo
  make demo

ACTION-Net and TSN with MobileNetV2 are trained on clips, small enough for two CPU cores. The gestures form pairs of
which one is the other played backwards: TSN, which sees each frame alone, can only guess within a pair. Then an
ACTION-Net with a memory is trained on streams, to report gestures as they end. An interrupted demo resumes with the
same command. The output folder gets report.html, the videos, the runs and the LiteRT files.
"""

import os
import sys
import time
from pathlib import Path

import keras_action
from keras_action.programs.arguments import add_set_argument, program_parser
from keras_action.utils.intervals import intervals_path

# The gestures of the long video. Each is followed by its opposite in some places, by another one elsewhere.
STREAM = (
    *("swipe_left", "swipe_right", "zoom_in", "rotate_cw", "swipe_up", "rotate_ccw", "zoom_out", "swipe_down"),
    *("swipe_right", "zoom_out", "swipe_left", "rotate_cw", "swipe_down", "zoom_in", "rotate_ccw", "swipe_up"),
)

NUM_STREAMS = 12


def make_parser():
    parser = program_parser("demo", __doc__)
    parser.add_argument("--output", default="demo", help="folder for everything")
    parser.add_argument("--clips-per-class", type=int, default=48, help="synthetic clips of each class")
    parser.add_argument("--seed", type=int, default=0, help="of the videos and the training")
    add_set_argument(parser)
    return parser


def main(argv=None):
    arguments = make_parser().parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    started = time.monotonic()
    from .recipes import demo

    data = keras_action.data

    def say(text):
        print(f"\n== {time.monotonic() - started:4.0f} s  {text}", flush=True)

    folder = Path(arguments.output)
    try:
        overrides = [f"seed={arguments.seed}", *arguments.set]
        recipes = {"action_net": demo.motion().override(overrides), "tsn": demo.tsn().override(overrides)}
        say(f"Making {arguments.clips_per_class} videos of each of {len(data.SYNTHETIC_GESTURES)} gestures")
        csvs = data.write_synthetic_dataset(folder / "videos", arguments.clips_per_class, seed=arguments.seed)
        training = data.read_annotations(csvs[0])
        validation = data.read_annotations(csvs[1], labels=training.labels)

        runs, evaluations = {}, {}
        for model, recipe in recipes.items():
            start = "from the motion weights" if recipe.weights else "from scratch"
            say(f"Training {model} on {len(training)} clips for {recipe.epochs} epochs, {start}")
            runs[model] = keras_action.train(recipe, training, validation, folder / model, tensorboard=False)
            evaluations[model] = keras_action.evaluate(
                runs[model].load_model(),
                validation,
                keras_action.evaluation.Protocol.as_trained(recipe),
                progress=False,
            )
            evaluations[model].save_json(folder / model / "evaluation.json")
            print(evaluations[model])

        say(f"Making {NUM_STREAMS} long videos to train on")
        streams = make_streams(folder / "streams", arguments.seed, training.labels)
        recipe = demo.streams().override(overrides)
        say(f"Training ACTION-Net with a memory, step by step, on these and the clips, for {recipe.epochs} epochs")
        both = data.Annotations(training.clips + streams.clips, training.labels)
        run = keras_action.train(recipe, both, None, folder / "live", tensorboard=False)

        say("Exporting it to LiteRT, as a model of frames")
        files, verifications = export(run, both, folder)
        for file, verification in verifications.items():
            print(f"{file}:\n{verification.error_table()}")
        latencies = {name: keras_action.litert.benchmark(file, num_threads=1) for name, file in files.items()}

        say(f"Recognising {len(STREAM)} gestures in one long video, with the int8 file")
        match, sequence = recognise(files["int8"], folder, arguments.seed)
        print(match)

        path = folder / "report.html"
        write_report(path, runs, evaluations, run, files, verifications, latencies, match, sequence, started)
        say(f"Report: {path}")
    except KeyboardInterrupt:
        sys.exit(f"Interrupted. The same command resumes in {folder}.")
    action, tsn = evaluations["action_net"].top1, evaluations["tsn"].top1
    print(f"ACTION-Net {action:.1%}, TSN {tsn:.1%} of the validation clips")
    print(f"In the long video: {match.summary()}")
    if not arguments.set and not action >= 0.9 > tsn:
        sys.exit("error: ACTION-Net should reach 90 %, and TSN should not: something is wrong")


def make_streams(folder, seed, labels):
    """Renders the long videos to train on, unless they are there already; returns their `Annotations`."""
    import numpy as np

    data = keras_action.data
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(NUM_STREAMS):
        gestures = rng.permutation(STREAM).tolist()
        path = folder / f"stream_{number}.mp4"
        if not intervals_path(path).is_file():  # written after the video
            data.write_synthetic_stream(path, seed=1000 * (seed + 1) + number, gestures=gestures)
    return data.read_annotations(folder, labels=labels)


def export(run, training, folder):
    """LiteRT files of a run in float32 and int8, and the comparison of each with the Keras model on sequences."""
    from keras_action.training.build import training_batches

    def sequences(seed, count):
        batches = training_batches(run.recipe.replace(batch_size=1, seed=seed), training).take(count)
        return [frames for frames, *_ in batches.as_numpy_iterator()]

    model = run.load_model()
    ranges, checks = sequences(run.recipe.seed + 1, 16), sequences(run.recipe.seed + 2, 4)
    files, verifications = {}, {}
    for name in ("float32", "int8"):
        files[name] = folder / f"gesture_{name}.tflite"
        keras_action.litert.convert(
            keras_action.streaming_model(model),
            files[name],
            quantization=name,
            representative_clips=ranges,
            labels=run.labels,
            clip_seconds=run.clip_seconds,
            metadata={"recipe": run.recipe.to_dict(), "trained_on_streams": True},
        )
        verifications[name] = keras_action.litert.verify(files[name], model, checks)
    return files, verifications


def recognise(file, folder, seed):
    """The events of a LiteRT file in one long synthetic video, matched with the ground truth, and the logits."""
    recognition, video = keras_action.recognition, folder / "stream.mp4"
    truth = keras_action.data.write_synthetic_stream(video, seed=seed + 10_000, gestures=STREAM)
    recognizer = keras_action.GestureRecognizer(file)
    sequence = recognition.record_logits(recognizer, keras_action.data.iter_frames(video))
    return recognition.match_at_end(sequence.events(recognizer.settings), truth), sequence


def write_report(path, runs, evaluations, live, files, verifications, latencies, match, sequence, started):
    """Writes the results as one self-contained HTML page."""
    import numpy as np

    data, plots = keras_action.data, keras_action.plots
    names = {"action_net": "ACTION-Net", "tsn": "TSN"}
    pairs = {model: report.pair_accuracy(data.TIME_REVERSED_PAIRS) for model, report in evaluations.items()}
    action, tsn, steps = runs["action_net"].recipe, runs["tsn"].recipe, live.recipe
    report = keras_action.HtmlReport("keras_action: gestures that differ only in time's direction")
    report.paragraph(
        f"MobileNetV2 learned {len(live.labels)} classes of synthetic videos, once with ACTION modules, from the "
        f"motion weights ({action.num_segments} frames of {action.input_size} × {action.input_size} pixels, "
        f"{action.epochs} epochs; these weights have seen hands like these), and once without (TSN, width {tsn.alpha}, "
        f"from scratch, {tsn.num_segments} frames of {tsn.input_size} × {tsn.input_size} pixels, {tsn.epochs} epochs). "
        "Swipe left is swipe right played backwards, and so with up and down, the two rotations and the two zooms: a "
        "model that ignores the order of frames can only guess which of the two it is, and cannot exceed 5 / 9 = 56 % "
        "of the clips, however long it is trained."
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
    report.heading("Recognition in one long video")
    report.paragraph(
        f"For streams, a causal ACTION-Net with a memory learned step by step from {NUM_STREAMS} other long videos "
        f"and the clips ({steps.input_size} × {steps.input_size} pixels, {1 / steps.sequences.time_step:.0f} steps a "
        "second). "
        f"The int8 file, frame after frame: {match.summary()} in {sequence.duration:.0f} seconds."
    )
    report.figure(
        plots.events_figure(match, sequence=sequence),
        "Probabilities, the gestures (upper bars), and the events (lower bars). A triangle marks when an event was "
        "reported.",
    )
    report.code(str(match))
    report.heading("On the device")
    report.table(
        ["LiteRT file", "MB", "latency of a frame", "same class as Keras", "largest error of logits"],
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
        caption="Measured on the machine that made this page, on one thread.",
    )
    report.paragraph(f"Made in {time.monotonic() - started:.0f} seconds by keras-action demo.")
    report.save(path)


if __name__ == "__main__":
    main()
