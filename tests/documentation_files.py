"""Small things under the names that README and docs use: videos, runs, files. Each is made once, where it is needed."""

import json

import keras
import numpy as np

LABELS = ("none", "wave", "clap", "push")  # each has a colour: nearly black, red, green, blue


def frames_of(label, count, seed=0, size=(48, 64)):
    """uint8 frames `(count, H, W, 3)` of the label's colour."""
    frames = np.random.default_rng(seed).integers(0, 60, (count, *size, 3))
    if label != "none":
        frames[..., LABELS.index(label) - 1] += 180
    return frames.astype("uint8")


def write_videos(folder):
    """`train` and `val`, each with a folder for each class, and a CSV of each."""
    from keras_action.data import write_video

    for split, count in (("train", 6), ("val", 3)):
        rows = ["path,label"]
        for label in LABELS:
            (folder / split / label).mkdir(parents=True)
            for number in range(1, count + 1):
                path = folder / split / label / f"clip{number}.mp4"
                write_video(path, frames_of(label, 8, seed=number), fps=8)
                rows.append(f"{split}/{label}/{path.name},{label}")
        (folder / f"{split}.csv").write_text("\n".join(rows) + "\n")


def write_synthetic_stream(path):
    """A video of four gestures, with its truth beside it."""
    from keras_action.data import Interval, write_video
    from keras_action.utils.intervals import intervals_path, write_intervals

    labels = ("none", "wave", "none", "clap", "none", "push", "none", "wave", "none")
    write_video(path, np.concatenate([frames_of(label, 12, seed) for seed, label in enumerate(labels)]), fps=10)
    truth = [Interval(label, 1.2 * i, 1.2 * i + 1.2) for i, label in enumerate(labels) if label != "none"]
    write_intervals(intervals_path(path), truth)


def write_streams(folder):
    for number in range(2):
        write_synthetic_stream(folder / f"tune_{number}.mp4")


def write_run(folder):
    """A run whose model knows the colours."""
    from tests.litert.color_model import write_color_run

    write_color_run(folder, labels=LABELS)


def write_untrained_runs(folder):
    """`tsn`, `tsm` and `action`: what the pictures of activation maps compare."""
    import keras_action
    from keras_action.training import run as runs
    from keras_action.training.recipe import Recipe

    for name, model in (("tsn", "tsn"), ("tsm", "tsm"), ("action", "action_net")):
        keras.utils.set_random_seed(0)
        recipe = Recipe(model=model, num_segments=6, input_size=64, weights=None, alpha=0.35)
        build = getattr(keras_action, f"build_{model}")
        (folder / name).mkdir(parents=True)
        build("mobilenet_v2", 2, 6, input_size=64, alpha=0.35).save(folder / name / "best.keras")
        runs.write_run(folder / name, recipe, ("swipe_left", "swipe_right"), 1.0)


def write_file(path):
    """A LiteRT file of the model that knows the colours."""
    from tests.litert.color_model import write_color_file

    write_color_file(path, labels=LABELS)


def write_settings(path):
    from keras_action.recognition import EventSettings

    EventSettings.for_clips(1.0).save(path)


def write_jester(folder):
    """Jester's layout, with a labels file of four classes of our own."""
    _write_frames(folder / "20bn-jester-v1", range(1, 29))
    (folder / "jester-v1-labels.csv").write_text("\n".join(LABELS) + "\n")
    for split, ids in (("train", range(1, 25)), ("validation", range(25, 29))):
        rows = [f"{clip};{LABELS[(clip - 1) % 4]}" for clip in ids]
        (folder / f"jester-v1-{split}.csv").write_text("\n".join(rows) + "\n")


def write_something(folder):
    """Something-Something V2's layout, with three classes."""
    from keras_action.data import write_video

    labels = {"Folding something": "0", "Opening something": "1", "Closing something": "2"}
    videos = folder / "20bn-something-something-v2"
    videos.mkdir(parents=True)
    entries = []
    for clip, template in enumerate([*labels] * 2, start=1):
        write_video(videos / f"{clip}.mp4", frames_of("wave", 8, clip), fps=8)
        (videos / f"{clip}.mp4").rename(videos / f"{clip}.webm")
        entries.append({"id": str(clip), "template": template.replace("something", "[something]")})
    (folder / "something-something-v2-train.json").write_text(json.dumps(entries))
    (folder / "something-something-v2-labels.json").write_text(json.dumps(labels))


def write_egogesture(folder):
    """EgoGesture's layout: a recording of each training subject, with three gestures."""
    from keras_action.data.datasets.egogesture import TRAINING_SUBJECTS

    for subject in TRAINING_SUBJECTS:
        _write_frames(folder / "frames" / f"Subject{subject:02}" / "Scene1" / "Color", ["rgb1"], "{:06}.jpg", 12)
        table = folder / "labels-final-revised1" / f"subject{subject:02}" / "Scene1" / "Group1.csv"
        table.parent.mkdir(parents=True)
        table.write_text("2,1,4\n1,5,8\n83,9,12\n")


def write_shards(folder):
    """`train` and `val`, of the videos."""
    from keras_action import data

    write_videos(folder / "videos")
    for split in ("train", "val"):
        data.write_shards(data.read_annotations(folder / "videos" / split), folder / split, workers=1)


def write_torch_checkpoint(path):
    """A checkpoint of ACTION-Net on MobileNetV2, as its release saves them, with random weights."""
    import torch

    import keras_action
    from keras_action.models.torch_backbone import _keys_of, _preceded
    from keras_action.weights.torch_names import FAMILIES

    names = next(family for family in FAMILIES if family.backbone({"features.0.0.weight", "features.17.conv.0.weight"}))
    model = keras_action.build_action_net("mobilenet_v2", len(LABELS), input_size=64, variant="torchvision")
    wrapped = {_preceded(layer) for layer in model.layers if layer.name.endswith("_action")}
    state = {}
    for layer in model.layers:
        if layer.weights and layer.name != "classifier":
            for key, weight in zip(_keys_of(layer, names), layer.weights, strict=True):
                key = key.replace(".weight", ".net.weight") if layer.name in wrapped else key
                state[f"module.base_model.{key}"] = torch.tensor(_to_torch(np.asarray(weight), weight.path))
    kernel, bias = model.get_layer("classifier").get_weights()
    state |= {"module.new_fc.weight": torch.tensor(kernel.T.copy()), "module.new_fc.bias": torch.tensor(bias)}
    torch.save({"epoch": 1, "state_dict": state}, path)


def write_torch_resnet50(path):
    """ImageNet's ResNet-50 under torchvision's names, all zeros."""
    import torch

    from tests.weights.resnet_keys import resnet_shapes

    torch.save({key: torch.zeros(shape) for key, shape in resnet_shapes((3, 4, 6, 3), 1000).items()}, path)


def _to_torch(value, path):
    """A Keras weight in PyTorch's layout."""
    if value.ndim <= 1:
        return value
    if "depthwise" in path or "spatial_kernel" in path:
        return np.moveaxis(value, (-2, -1), (0, 1))
    if path.endswith("shift/kernel"):
        return value[..., 0].transpose(2, 1, 0)
    return np.moveaxis(value, (-1, -2), (0, 1))


def _write_frames(folder, clips, name="{:05}.jpg", count=8):
    import tensorflow as tf

    for seed, clip in enumerate(clips):
        (folder / str(clip)).mkdir(parents=True)
        for number, frame in enumerate(frames_of(LABELS[seed % 4], count, seed), start=1):
            (folder / str(clip) / name.format(number)).write_bytes(tf.io.encode_jpeg(frame).numpy())


MAKERS = {
    "videos": write_videos,
    "some.mp4": write_synthetic_stream,
    "streams": write_streams,
    "runs/mine": write_run,
    "runs": write_untrained_runs,
    "gesture.tflite": write_file,
    "events.json": write_settings,
    "labels.txt": lambda path: path.write_text("\n".join(LABELS) + "\n"),
    "jester": write_jester,
    "something": write_something,
    "egogesture": write_egogesture,
    "shards/jester": write_shards,
    "checkpoint.pth.tar": write_torch_checkpoint,
    "jester.pth.tar": write_torch_checkpoint,
    "resnet50.pth": write_torch_resnet50,
}
