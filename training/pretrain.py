"""Make motion weights: a model that has learned to tell synthetic motions apart, as a start for small sets of gestures.

examples:
  keras-action pretrain --output runs/motion
  keras-action pretrain --output runs/motion --weights mobilenet_v2_imagenet.npz --seed 1
  keras-action pretrain --output runs/motion_tsm --model tsm --videos runs/motion/videos

Two stages: nine gestures of an open hand, then sixty random paths of a pointing finger; straight to sixty classes, the
training does not begin. Each stage is a run in OUTPUT, and the videos are in OUTPUT/videos. An interrupted command
resumes with the same command. At the end OUTPUT gets the weights without the classifier in float16, about 4 MB. No
path is near a gesture of EgoGestAR (see keras_action.data.render_path). docs/motion_weights.md has the results.
"""

import argparse
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from keras_action.programs.arguments import add_set_argument

_SIZE = (88, 116)
_VAL_SHARE = 0.1


@dataclass(frozen=True)
class Stage:
    """One stage: a synthetic data set, and the epochs of its training.

    Attributes:
        name: Name of the folders of its run and its videos.
        kind: Kind of the videos; see `keras_action.data.write_synthetic_dataset`.
        clips_per_class: Clips of each class, a tenth of them for validation.
        epochs: Number of epochs.
        num_paths: Number of random paths, for the kind `"path"`.
    """

    name: str
    kind: str
    clips_per_class: int
    epochs: int
    num_paths: int = 60


STAGES = (
    Stage("hands", "hand", clips_per_class=140, epochs=8),
    Stage("paths", "path", clips_per_class=28, epochs=8),
)


def make_parser():
    parser = argparse.ArgumentParser(
        prog="keras-action pretrain", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", required=True, metavar="FOLDER", help="folder of runs, videos and weights")
    parser.add_argument("--model", choices=("action_net", "tsm"), default="action_net", help="default: action_net")
    parser.add_argument(
        "--weights", default="imagenet", metavar="FILE", help="weights of the backbone at the start (default: imagenet)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the training; the videos are always the same (default: 0)"
    )
    parser.add_argument("--videos", metavar="FOLDER", help="of an earlier call (default: OUTPUT/videos)")
    parser.add_argument("--clips-share", type=float, default=1.0, metavar="SHARE", help="of the clips, for a trial")
    parser.add_argument("--workers", type=int, metavar="N", help="processes that render (default: one for each core)")
    add_set_argument(parser)
    return parser


def run_stage(stage, recipe, folder, videos, clips_share=1.0, workers=None):
    """Renders the videos of a stage and trains on them, unless they are there already; returns the `Run`."""
    import keras_action
    from keras_action import data

    training_csv, validation_csv = data.write_synthetic_dataset(
        videos / stage.name,
        max(2, round(stage.clips_per_class * clips_share)),
        size=_SIZE,
        val_share=_VAL_SHARE,
        workers=workers,
        kind=stage.kind,
        num_paths=stage.num_paths,
    )
    training = data.read_annotations(training_csv)
    validation = data.read_annotations(validation_csv, labels=training.labels)
    return keras_action.train(recipe, training, validation, folder / stage.name, tensorboard=False)


def pretrain(recipe, folder, stages=STAGES, videos=None, clips_share=1.0, workers=None):
    """Trains the stages one after the other, each from the weights of the one before.

    Args:
        recipe: The `Recipe` of the first stage, whose number of epochs is each stage's own unless it is below.
        folder: Path of the folder for the runs and the weights.
        stages: The `Stage`s.
        videos: Path of the folder of the videos; `None` for `videos` in `folder`.
        clips_share: Share of the clips.
        workers: Processes that render, or `None` for one for each core.

    Returns:
        The path of the weights.
    """
    from keras_action.models import save_motion_weights
    from keras_action.training.callbacks import read_log

    folder = Path(folder)
    videos = folder / "videos" if videos is None else Path(videos)
    for stage in stages:
        started = time.monotonic()
        run = run_stage(
            stage, recipe.replace(epochs=min(recipe.epochs, stage.epochs)), folder, videos, clips_share, workers
        )
        accuracy = max(row["val_accuracy"] for row in read_log(run.folder))
        minutes = (time.monotonic() - started) / 60
        print(f"{stage.name}: {accuracy:.1%} of the validation clips, {minutes:.0f} minutes", flush=True)
        recipe = recipe.replace(start_from=str(run.folder), weights=None)
    return save_motion_weights(run.load_model(), folder / f"{recipe.backbone}_{recipe.model}.npz")


def main(argv=None):
    arguments = make_parser().parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from .recipes import load_recipe

    try:
        fields = [f"model={arguments.model}", f"weights={arguments.weights}", f"seed={arguments.seed}"]
        recipe = load_recipe("drawing", [*fields, *arguments.set])
        path = pretrain(
            recipe,
            arguments.output,
            videos=arguments.videos,
            clips_share=arguments.clips_share,
            workers=arguments.workers,
        )
    except (ConnectionError, FloatingPointError, ImportError, OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(f"Interrupted. The same command resumes in {arguments.output}.")
    print(f"Motion weights: {path}, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
