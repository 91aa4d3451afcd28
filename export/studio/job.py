"""The training of a studio, from its takes to a LiteRT file. Runs in a process of its own: `python -m … FOLDER`."""

import collections
import itertools
import os
import shutil
import sys
import threading
import time
import warnings
from pathlib import Path

import keras_action
from keras_action.utils.files import write_csv, write_json, write_whole
from keras_action.utils.intervals import intervals_path, is_ignored, read_intervals
from keras_action.utils.statistics import share_interval

from .project import Project
from .recipe import MIN_TAKES, VALIDATION_SHARE, choose_recipe
from .training import LOG, RESULT, read_json, write_status

_REPRESENTATIVE_CLIPS = 128
_FRAME_SECONDS = 1 / 15  # of a joined stream
_FALSE_ALARMS = 1.0  # a minute, allowed in tuning


def main(folder):
    """Trains on the takes of a studio's folder, or resumes, and keeps its state in `status.json`."""
    project = Project(folder)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(5)  # the page has priority
    started = time.monotonic()
    try:
        result = run(project, lambda **values: write_status(project.training, phase="running", **values))
    except (ImportError, OSError, ValueError, FloatingPointError) as error:
        write_status(project.training, phase="failed", message=str(error))
    except Exception as error:
        message = f"An unexpected error: {type(error).__name__}: {error}. The details are in {project.training / LOG}"
        write_status(project.training, phase="failed", message=message)
        raise
    else:
        write_status(project.training, phase="done", seconds=time.monotonic() - started, result=result)


def run(project, report):
    """Trains, evaluates, converts and tunes. Returns the number of the result.

    Args:
        project: The `Project`.
        report: A function that is called with the state, `step` and more, whenever it changes.
    """
    report(step="reading")
    training, validation, split = read_split(project)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    clips = with_windows(project, training)
    recipe = choose_recipe(len(clips))
    model_run = keras_action.train(
        recipe,
        clips,
        None,  # the held-out takes choose no checkpoint, so that their accuracy is that of new takes
        project.training / "run",
        callbacks=[_progress(report, recipe.epochs)],
        tensorboard=False,
    )
    report(step="evaluating")
    evaluation = keras_action.evaluate(
        model_run.load_model(), validation, keras_action.evaluation.Protocol.as_trained(recipe), progress=False
    )
    report(step="converting")
    file = convert(project, model_run, clips)
    report(step="tuning")
    settings, points, source = tune(project, file, validation)
    return write_result(project, file, settings, points, evaluation, {**split, "tuned_on": source})


def read_split(project):
    """The training takes, the held-out takes, and a description of the split. A resumed training has the same split.

    They are links in the folder of the training, so that takes can be deleted and renamed while it runs.

    Raises:
        ValueError: If there are too few takes. The page shows the message.
    """
    read_annotations = keras_action.data.read_annotations
    takes, held_out_takes = (project.training / name for name in ("takes.csv", "held_out.csv"))
    if not takes.is_file():  # written last
        check_takes(project)
        shutil.rmtree(project.training / "takes", ignore_errors=True)  # of a training that was killed here
        learned, held_out = split_takes(project.annotations())
        for file, part in ((held_out_takes, held_out), (takes, learned)):
            rows = []
            for clip in part.clips:
                path = Path("takes") / Path(clip.path).relative_to(project.clips)
                link_take(clip.path, project.training / path)
                rows.append((path.as_posix(), clip.label, clip.group))
            write_csv(file, ("path", "label", "session"), rows)
    training = read_annotations(takes)
    validation = read_annotations(held_out_takes, labels=training.labels, allow_empty_classes=True)
    sessions, others = ({clip.group for clip in part.clips} for part in (training, validation))
    split = {
        "by_session": sessions.isdisjoint(others),
        "sessions": len(sessions | others),
        "training_takes": len(training),
        "validation_takes": len(validation),
    }
    return training, validation, split


def check_takes(project):
    """Raises a `ValueError` that names the gestures with too few takes."""
    counts = {label: len(project.takes(label)) for label in project.labels()}
    gestures = [label for label in counts if not is_ignored(label)]
    if len(counts) < 2 or not gestures:
        raise ValueError(
            "There must be at least one gesture besides “none”. Add a gesture, and record some takes of it."
        )
    small = [f"{label} ({count})" for label, count in counts.items() if count < MIN_TAKES]
    if small:
        raise ValueError(
            f"Too few takes of {', '.join(small)}. Record at least {MIN_TAKES} of each gesture, better ten or more."
        )


def link_take(take, link):
    """Makes a hard link of a take, a video or a folder of frames; a copy where the file system has no links."""

    def link_file(source, target):
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)

    link.parent.mkdir(parents=True, exist_ok=True)
    if os.path.isdir(take):
        shutil.copytree(take, link, copy_function=link_file)
    else:
        link_file(take, link)


def split_takes(annotations):
    """Splits takes by recording session if there are several, otherwise by take.

    Returns:
        The training takes and the held-out takes.
    """
    split_annotations = keras_action.data.split_annotations
    shares = (1 - VALIDATION_SHARE, VALIDATION_SHARE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of small classes: the page shows the numbers
        if len({clip.group for clip in annotations.clips}) > 1:
            parts = split_annotations(annotations, shares)
            learned, held_out = (collections.Counter(clip.label for clip in part.clips) for part in parts)
            # With a session for each gesture, a class would have no training takes.
            if all(learned[label] >= MIN_TAKES // 2 and held_out[label] for label in annotations.labels):
                return parts
        return split_annotations(annotations, shares, by_group=False)


def with_windows(project, training):
    """Training takes, windows of a stream joined from them, and still pictures of the background.

    Most windows of a stream show parts of gestures and pauses. A model trained on whole takes alone recognises few of
    the gestures in a stream. Between gestures a camera shows the same picture for seconds, which takes hardly ever do.

    Returns:
        An `Annotations`; without windows if there is no background.
    """
    from keras_action.training.fit import median_clip_seconds

    background = next((label for label in training.labels if is_ignored(label)), None)
    if background is None:
        return training
    data, video = keras_action.data, project.training / "windows.mp4"
    if not (video.is_file() and intervals_path(video).is_file()):
        data.join_clips(training, video, min_pause=0.5, max_pause=2, pauses="background")
    truth = read_intervals(intervals_path(video))
    length, duration = median_clip_seconds(training), data.video_info(video).duration
    windows = data.sample_windows(truth, duration, [length], background=background)
    shown = {(gesture.start, gesture.end) for gesture in truth}  # the takes themselves
    clips = [
        data.Clip(str(video), window.label, window.start, window.end, group="windows")
        for window in windows
        if (window.start, window.end) not in shown
    ]
    begins, ends = [0.0, *(gesture.end for gesture in truth)], [*(gesture.start for gesture in truth), duration]
    stills = [
        data.Clip(str(video), background, (start + end) / 2, (start + end) / 2 + _FRAME_SECONDS, group="windows")
        for start, end in zip(begins[::2], ends[::2], strict=True)
    ]
    return data.Annotations((*training.clips, *clips, *stills), training.labels)


def convert(project, model_run, training):
    """Writes the int8 file of a run into the folder of the training. Returns its path."""
    from keras_action.training.build import training_batches

    batches = training_batches(model_run.recipe, training).as_numpy_iterator()
    clips = itertools.chain.from_iterable(clips for clips, _ in batches)
    path = project.training / "gestures.tflite"
    keras_action.litert.convert(
        model_run.load_model(),
        path,
        quantization="int8",
        representative_clips=list(itertools.islice(clips, _REPRESENTATIVE_CLIPS)),
        labels=model_run.labels,
        clip_seconds=model_run.clip_seconds,
        metadata={
            "name": project.name,
            "description": "Gestures recorded and trained with keras-action studio",
            "backbone": model_run.recipe.backbone,
            "recipe": model_run.recipe.to_dict(),
            "trained_on_streams": model_run.trained_on_streams,
        },
    )
    return path


def tune(project, file, validation):
    """Tunes the event settings of a LiteRT file on long takes, or else on a stream joined from the held-out takes.

    Returns:
        The settings, the `OperatingPoint`s, and `"long takes"` or `"held-out takes"`.
    """
    data, recognition = keras_action.data, keras_action.recognition
    recognizer = keras_action.GestureRecognizer(file, num_threads=2)
    videos, source = [], "long takes"
    for video in project.long_takes():
        truth = read_intervals(intervals_path(video))
        if all(interval.label in recognizer.labels for interval in truth):
            videos.append((video, truth))
    if not videos:
        source, video = "held-out takes", project.training / "joined.mp4"
        has_background = any(is_ignored(clip.label) for clip in validation.clips)
        pauses = "background" if has_background else "hold"
        videos = [(video, data.join_clips(validation, video, min_pause=1, max_pause=3, pauses=pauses))]
    streams = [(recognition.record_logits(recognizer, data.iter_frames(video)), truth) for video, truth in videos]
    settings = recognition.tune_events(streams, recognizer.settings, recognizer.tuning_scale, _FALSE_ALARMS)
    return settings, recognition.operating_curve(streams, settings), source


def write_result(project, file, settings, points, evaluation, split):
    """Writes the LiteRT file, with its settings, and the result that the page shows. Returns its number.

    The result is written last: until then the page shows that of the training before.
    """
    from keras_action.recognition.loading import store_settings

    useful = useful_points(points, settings.on_threshold)
    store_settings(file, settings, useful)
    previous = read_json(project.model / RESULT) or {}
    number = int(previous.get("number", 0)) + 1
    name = f"gestures_{number}.tflite"
    write_whole(project.model / name, file.read_bytes())
    evaluation.save_json(project.model / f"evaluation_{number}.json")
    correct = round(evaluation.top1 * len(evaluation.paths))
    values = {
        "number": number,
        "file": name,
        "bytes": (project.model / name).stat().st_size,
        "accuracy": evaluation.top1,
        "interval": share_interval(correct, len(evaluation.paths)),
        "labels": list(evaluation.labels),
        "confusion": evaluation.confusion.tolist(),
        "misclassified": [
            {
                "label": clip.true,
                "name": os.path.basename(clip.path),
                "predicted": clip.predicted,
                "probability": clip.probability,
            }
            for clip in evaluation.misclassified()
        ],
        "split": split,
    }
    write_json(project.model / RESULT, values)
    for old in project.model.iterdir():
        if old.name not in (name, f"evaluation_{number}.json", RESULT) and not old.name.startswith("."):
            old.unlink(missing_ok=True)
    return number


def useful_points(points, on_threshold):
    """The Pareto-optimal operating points, from few detections to many.

    Args:
        points: `OperatingPoint`s by threshold.
        on_threshold: The tuned threshold, which is always among them.
    """
    chosen = []
    for point in sorted(points, key=lambda point: -point.on_threshold):
        is_tuned = point.on_threshold == on_threshold
        if is_tuned or not chosen or point.detection_rate > max(other.detection_rate for other in chosen):
            chosen.append(point)
    return chosen


def _progress(report, epochs):
    """A callback that reports the epochs, and the time that is left of them."""
    import keras

    class Progress(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self._times = []

        def on_epoch_begin(self, epoch, logs=None):
            """At the beginning, when the epoch before is saved: a stopped training resumes after it."""
            self._begin = time.monotonic()
            # The first epoch compiles, and so takes longer.
            times = self._times[1:] or self._times
            left = None if not times else (epochs - epoch) * sum(times) / len(times)
            report(step="training", epoch=epoch, epochs=epochs, seconds_left=left)

        def on_epoch_end(self, epoch, logs=None):
            self._times.append(time.monotonic() - self._begin)

    return Progress()


def _end_with_parent():
    """Ends this process when the server's end of the pipe is closed, as it is whenever the server ends."""
    while os.read(0, 1):  # not `sys.stdin`, whose lock would be held when this process ends by itself
        pass
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1])
