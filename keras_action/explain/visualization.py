"""Activation maps of one or several models for a video."""

import os
from dataclasses import dataclass, replace

import keras
import numpy as np

from keras_action.data import Annotations, Clip, Cropping, DecodingError, FailureLog, evaluation_dataset, video_info
from keras_action.explain.cam import check_clips, class_activation_maps, find_map_layer, grad_cam
from keras_action.explain.masks import excitation_masks, find_action_layer
from keras_action.models import resize_model
from keras_action.models.resizing import check_size
from keras_action.training.model_files import ModelFile, load_model
from keras_action.utils.fields import check_choice
from keras_action.utils.statistics import softmax

METHODS = {"cam": "CAM, logit", "grad-cam": "Grad-CAM", "masks": "mask"}
CENTERS = {"masks": 0.5}  # the mask of an untrained path
DISPLAY_SIZE = 160  # pixels; minimum of the longer side of the frames in a picture
FRAMES_PER_SECOND = 8  # of an animation, if the duration of the clip is unknown
_PATHS = {"ste": "STE", "ce": "CE", "me": "ME"}


@dataclass(frozen=True)
class Activations:
    """Activation maps of a clip, and how to draw them.

    Attributes:
        frames: uint8 `(T, H, W, 3)`, the frames that the models take, in a size of at least 160 pixels.
        maps: Dict from a row's title to `(T, h, w)`, or `(T, C)` for masks of channels.
        title: Title of the picture.
        unit: Name of the maps' values.
        seconds: Duration of the clip; `None` if it is unknown, as of a frame folder.
        center: The middle of a diverging colour scale; `None` for a scale from 0.
    """

    frames: np.ndarray
    maps: dict[str, np.ndarray]
    title: str
    unit: str
    seconds: float | None
    center: float | None

    def figure(self, columns=None):
        """A `matplotlib.figure.Figure`, as `keras_action.plots.activation_figure` draws it."""
        from keras_action.plots import activation_figure

        return activation_figure(
            self.maps, self.frames, title=self.title, unit=self.unit, center=self.center, columns=columns
        )

    def save(self, path, columns=None, dpi=144):
        """Writes a picture (.png, .svg, .pdf) or an animation (.gif, .webp, .mp4)."""
        from keras_action.plots import save_activation_animation, save_figure
        from keras_action.plots.activations import ANIMATIONS

        if os.path.splitext(path)[1].lower() in ANIMATIONS:
            seconds = self.seconds or len(self.frames) / FRAMES_PER_SECOND
            options = {"title": self.title, "unit": self.unit, "center": self.center}
            save_activation_animation(path, self.maps, self.frames, seconds=seconds, **options)
        else:
            save_figure(self.figure(columns), path, dpi)


def visualize(
    models, video, method="cam", *, layers=(None,), class_name=None, label=None, start=None, end=None, input_size=None
):
    """Computes the activation maps of one or several models for a video.

    The clip is that of `keras_action.evaluate`: the middle frame of each segment, and the centre crop or, as in the
    models' training, the whole frame.

    Args:
        models: Dict from the names of rows to paths of models, as `keras_action.load_model` takes them, or to its
            results. All must take the same number of frames.
        video: Path of a video or of a frame folder.
        method: `"cam"`, `"grad-cam"` or `"masks"`: see `class_activation_maps`, `grad_cam` and `excitation_masks`.
        layers: Layers for Grad-CAM and masks, as arguments of these functions; a row for each.
        class_name: The class whose maps are drawn, a label or an id; `None` for each model's predicted class.
        label: The true class, for the titles.
        start: Seconds at which the gesture begins in the video; `None` for the beginning.
        end: Seconds at which it ends; `None` for the end.
        input_size: Height and width of the frames, an integer or a pair; `None` for those of the models. Maps of larger
            frames are finer. The weights stay, so check whether the models still recognise the gesture.

    Returns:
        An `Activations`; its `figure()` is a Matplotlib figure.

    Raises:
        ValueError: If the models do not take the same clips, or an argument does not fit them.
        keras_action.data.DecodingError: If the video can't be decoded.

    Example:

    ```python
    activations = keras_action.visualize({"TSN": "runs/tsn", "ACTION-Net": "runs/action"}, "swipe.mp4")
    activations.figure()  # a notebook shows it
    activations.save("swipe.gif")
    ```
    """
    check_choice("method", method, METHODS)
    opened = {name: m if isinstance(m, ModelFile) else load_model(m) for name, m in models.items()}
    if input_size is not None:
        opened = {name: at_size(model, input_size) for name, model in opened.items()}
    segments = {name: model.num_segments for name, model in opened.items()}
    views = {(model.sampling, model.crop_to_aspect_ratio) for model in opened.values()}
    if len(set(segments.values())) != 1 or len(views) != 1:
        raise ValueError(
            "`models` must hold at least one model, and all must take the same frames of a clip. Received: models of "
            f"{segments} frames, (sampling, crop_to_aspect_ratio) = {sorted(views)}"
        )
    part = Clip(os.fspath(video), "", start, end)
    maps = {}
    for name, model in opened.items():
        inputs = check_clips(model.model, read_as_evaluated(part, model))
        maps |= _rows(name, model, inputs, method, layers, class_name, label)
    first = next(iter(opened.values()))
    scale = max(1, DISPLAY_SIZE / max(first.input_size))
    frames = read_as_evaluated(part, first, tuple(round(side * scale) for side in first.input_size))[0]
    title = label or os.path.basename(os.path.normpath(video))
    return Activations(frames, maps, title, METHODS[method], _seconds(part), CENTERS.get(method))


def at_size(model, input_size):
    """A `ModelFile` for frames of another size, with the same weights."""
    return replace(model, model=resize_model(model.model, input_size), input_size=check_size(input_size))


def _rows(name, model, inputs, method, layers, class_name, label):
    """Dict from the titles of rows to the maps of one model for a class."""
    if method == "masks":
        return _mask_rows(name, model.model, inputs, layers)
    logits = keras.ops.convert_to_numpy(model.model(inputs, training=False))[0].astype("float64")
    probabilities = softmax(logits)
    names = list(model.labels or map(str, range(len(logits))))
    predicted = int(probabilities.argmax())
    shown = predicted if class_name is None else _class_id(class_name, names)

    head = f"{name}: {names[shown]} {probabilities[shown]:.0%}"
    true = names.index(label) if label in names else shown
    others = {true: "true", predicted: "predicted"}
    notes = [f"{note}: {names[i]} {probabilities[i]:.0%}" for i, note in others.items() if i != shown]
    head += f" ({', '.join(notes)})" if notes else ""
    if method == "cam":
        return {head: class_activation_maps(model.model, inputs, shown)[0]}
    maps = {}
    for layer in (find_map_layer(model.model, layer) for layer in layers):
        values = grad_cam(model.model, inputs, layer, shown)[0]
        maps[f"{head}, {layer} ({_size(values)})"] = values
    return maps


def _mask_rows(name, model, inputs, layers):
    maps = {}
    for module in (find_action_layer(model, layer).name for layer in layers):
        for path, values in excitation_masks(model, inputs, module).items():
            maps[f"{name}: {_PATHS[path]} of {module} ({_size(values[0])})"] = values[0]
    return maps


def _size(values):
    return f"{values.shape[1]} × {values.shape[2]}" if values.ndim == 3 else f"{values.shape[1]} channels"


def _class_id(name, names):
    if name in names:
        return names.index(name)
    if isinstance(name, int) and 0 <= name < len(names):
        return name
    raise ValueError(f"`class_name` must be one of {names}. Received: class_name={name!r}")


def read_as_evaluated(part, model, input_size=None):
    """The frames of a clip that `keras_action.evaluate` reads for a `ModelFile`, uint8 `(1, T, H, W, 3)`."""
    failures = FailureLog(max_share=1)
    batches = evaluation_dataset(
        Annotations((part,), (part.label,)),
        num_segments=model.num_segments,
        input_size=input_size or model.input_size,
        batch_size=1,
        sampling=model.sampling,
        cropping=Cropping(crop_to_aspect_ratio=model.crop_to_aspect_ratio),
        failures=failures,
    )
    ((clips, _, _),) = batches.as_numpy_iterator()
    if len(failures):
        raise DecodingError(failures.summary())
    return clips


def _seconds(part):
    if os.path.isdir(part.path):
        return None
    end = video_info(part.path).duration if part.end is None else part.end
    return end - (part.start or 0)
