"""Evaluating a model on annotated clips."""

import dataclasses

import keras
import numpy as np

from keras_action.evaluation.protocol import Protocol
from keras_action.evaluation.report import EvaluationReport
from keras_action.evaluation.results import pair_ids
from keras_action.models import resize_model
from keras_action.utils.fields import attributes
from keras_action.utils.signature import returns_sequences
from keras_action.utils.statistics import log_softmax


def evaluate(model, annotations, protocol, *, batch_size=8, reversed_pairs=None, failures=None, progress=True):
    """Evaluates a model on annotated videos, with the mean probability over one or several views of each.

    Args:
        model: A Keras model, or any callable, from clips `(B, T, H, W, 3)`, uint8, to logits `(B, classes)`. A
            functional Keras model of another input size is rebuilt at the size of the protocol, with its weights.
        annotations: `keras_action.data.Annotations`, read with the labels that the model was trained with.
        protocol: A `keras_action.evaluation.Protocol`, the views of each video.
        batch_size: The number of views in a batch. All views of one video are decoded together: 30 views of 8 frames
            of 256 × 256 take 47 MB.
        reversed_pairs: Pairs of classes of which one is the other played backwards, for which an accuracy is
            computed. `None` for those of `keras_action.data.REVERSAL_PAIRS`.
        failures: A `keras_action.data.FailureLog` for files that can't be decoded; they count as wrong.
        progress: Whether to show a progress bar.

    Returns:
        An `EvaluationReport`.

    Raises:
        ValueError: If the model and the annotations differ in the number of classes, the model does not take the
            clips of the protocol, its logits are not finite, or a class in `reversed_pairs` is unknown.
        keras_action.data.TooManyFailuresError: If more clips can't be decoded than `failures` allows, by default a
            tenth.

    Example:

    ```python
    annotations = keras_action.data.read_annotations("val.csv", labels=run.labels)
    report = keras_action.evaluate(model, annotations, keras_action.evaluation.Protocol(num_segments=8, input_size=224))
    print(report)
    report.pair_accuracy([("swipe_left", "swipe_right")])
    report.save_json("evaluation.json")
    ```
    """
    # Imported here, as `evaluate_batches` does not need the data pipeline.
    from keras_action.data import Cropping, FailureLog, evaluation_dataset, reversal_label_map
    from keras_action.data.failures import plain_failures

    # Before the first video is decoded.
    if not isinstance(protocol, Protocol):
        raise TypeError(f"`protocol` must be a `keras_action.evaluation.Protocol`. Received: protocol={protocol!r}")
    labels = annotations.labels
    _check_classes(model, labels)
    for pair in reversed_pairs or ():
        pair_ids(pair, labels)
    model = _fit_to(model, protocol)
    if reversed_pairs is None:
        reversed_pairs = [(labels[i], labels[j]) for i, j in enumerate(reversal_label_map(labels)) if i < j]
    failures = FailureLog() if failures is None else failures
    batches = evaluation_dataset(
        annotations,
        batch_size=max(1, batch_size // protocol.num_views),
        cropping=Cropping(**attributes(protocol, "crop_to_aspect_ratio", "short_side")),
        failures=failures,
        **attributes(protocol, "num_segments", "input_size", "sampling", "num_clips", "num_crops", "seed"),
    )
    with plain_failures(failures):
        report = evaluate_batches(
            model,
            batches,
            labels=labels,
            paths=[clip.name or clip.path for clip in annotations.clips],
            batch_size=batch_size,
            progress=progress,
        )
    groups = [clip.group for clip in annotations.clips]
    return dataclasses.replace(report, groups=groups, reversed_pairs=reversed_pairs, protocol=protocol)


def evaluate_batches(model, batches, *, labels, paths, batch_size=None, progress=False):
    """Evaluates a model on clips in memory.

    Args:
        model: As in `evaluate`.
        batches: Iterable of `(clips, label_ids)` or `(clips, label_ids, weights)`: uint8 `(B, T, H, W, 3)`, or
            `(B, V, T, H, W, 3)` with V views of each; integers `(B,)`; weights `(B,)`, 0 for a clip that could not be
            decoded.
        labels: The names of the classes.
        paths: The name of each clip, in the order of the batches.
        batch_size: The number of views in a batch of the model; `None` for that of `batches`.
        progress: Whether to show a progress bar.

    Returns:
        An `EvaluationReport`.

    Example:

    >>> model = lambda clips: clips.mean(axis=(1, 2, 3))  # red, green or blue?
    >>> clips = np.zeros((2, 4, 32, 32, 3), "uint8")
    >>> clips[..., 1] = 255
    >>> batches = [(clips, np.array([1, 2]))]
    >>> labels = ("red", "green", "blue")
    >>> evaluate_batches(model, batches, labels=labels, paths=("a", "b")).top1
    0.5
    """
    _check_classes(model, labels)
    bar = keras.utils.Progbar(len(paths), unit_name="clip", verbose=1 if progress else 0)
    ids, logits, done = [], [], 0
    for clips, batch_ids, *weights in batches:
        batch_ids = np.asarray(batch_ids)
        batch_logits = _predict(model, np.asarray(clips), len(labels), batch_size)
        decoded = np.asarray(weights[0]) > 0 if weights else np.ones(len(batch_ids), dtype=bool)
        batch_paths = paths[done : done + len(batch_ids)]
        done += len(batch_ids)
        if done > len(paths):
            break
        _check_finite(batch_logits[decoded], [p for p, d in zip(batch_paths, decoded, strict=True) if d])
        batch_logits[~decoded] = np.nan
        ids.append(batch_ids)
        logits.append(batch_logits)
        hits = (batch_logits.argmax(axis=-1) == batch_ids) & decoded
        bar.update(done, [("top-1", hits.mean())], finalize=done == len(paths))
    if done != len(paths):
        raise ValueError(
            f"There must be one path for each clip of the batches. "
            f"Received: {len(paths)} paths, {'at least ' if done > len(paths) else ''}{done} clips"
        )
    return EvaluationReport(
        labels=tuple(labels),
        paths=tuple(paths),
        true_ids=np.concatenate(ids) if ids else np.zeros(0),
        logits=np.concatenate(logits) if logits else np.zeros((0, len(labels))),
    )


def _predict(model, clips, num_classes, batch_size):
    """The logits of a batch, `(B, num_classes)` float32; of several views, the logarithm of the mean probability."""
    # `predict_on_batch` runs a Keras model as a compiled graph.
    predict = model.predict_on_batch if isinstance(model, keras.Model) else model
    if clips.ndim == 6:
        views = clips.reshape(-1, *clips.shape[2:])
        step = batch_size or len(views)
        parts = [_predict(model, views[i : i + step], num_classes, None) for i in range(0, len(views), step)]
        return _average(np.concatenate(parts).reshape(*clips.shape[:2], num_classes))
    # A copy: an interpreter may return its own memory, and NaN is written into rows.
    logits = np.array(keras.ops.convert_to_numpy(predict(clips)), dtype="float32")
    if logits.shape != (len(clips), num_classes):
        raise ValueError(
            f"The model must give logits ({len(clips)}, {num_classes}) for a batch of {len(clips)} clips and "
            f"{num_classes} labels. Received: logits.shape={logits.shape}"
        )
    return logits


def _average(logits):
    """The logarithm of the mean over views of softmax: (B, V, classes) → (B, classes)."""
    return np.logaddexp.reduce(log_softmax(logits), axis=1) - np.log(logits.shape[1])


def _fit_to(model, protocol):
    """The model, resized if the protocol has another input size; raises a `ValueError` if the clips do not fit."""
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 5:
        return model
    segments, *size = shape[1:4]
    if segments not in (None, protocol.num_segments):
        raise ValueError(f"The model takes clips of {segments} frames. Received: num_segments={protocol.num_segments}")
    if None in size or tuple(size) == protocol.size:
        return model
    if not isinstance(model, keras.Model):
        height, width = size
        crops = f"one centre crop or three crops of {height} × {width}" if height == width else "one centre crop"
        raise ValueError(
            f"The model's frames have a fixed size, {height} × {width}. It can be evaluated on any number of clips, "
            f"with {crops}. Received: input_size={protocol.input_size}"
        )
    return resize_model(model, protocol.size)


def _check_classes(model, labels):
    shape = getattr(model, "output_shape", None)
    if returns_sequences(model):
        raise ValueError(
            "A model with `return_sequences` has no logits of clips: evaluate it on streams, with "
            f"`keras_action.recognition.evaluate_streams`. Received: output_shape={shape}"
        )
    classes = shape[-1] if isinstance(shape, tuple) else None
    if classes is not None and classes != len(labels):
        raise ValueError(
            f"The model has {classes} classes, the annotations have {len(labels)} labels. Read the annotations with "
            "the labels of the model. "
            f"Received: labels={tuple(labels)}"
        )


def _check_finite(logits, paths):
    for path, row in zip(paths, logits, strict=True):
        if not np.isfinite(row).all():
            raise ValueError(
                "The model's logits must be finite; it may have diverged in training. "
                f"Received: logits={row} for {path}"
            )
