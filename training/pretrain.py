"""Make motion weights: a model pretrained on synthetic motions, to start from for small sets of gestures.

examples:
  keras-action pretrain --output runs/motion
  keras-action pretrain --output runs/motion --weights mobilenet_v2_imagenet.npz --seed 1
  keras-action pretrain --output runs/motion_tsm --method TSM --videos runs/motion/videos
  keras-action pretrain --output runs/pretrained --method TSM ME ACTION --seed 0 1 2 --stages hands paths
  keras-action pretrain --output runs/pretrained --method TSM ME ACTION --seed 0 1 2 --stream-epochs 1

The stages: "hands", nine gestures of an open hand; "paths", sixty random paths of a pointing finger (trained on these
alone, the loss does not fall); "paths_again", the same clips with the schedule from its start; and "streams", joined
from clips of 120 paths and of the open hand, for a causal model with a memory, which is first trained alone. Each stage
is a run in OUTPUT, and the videos are in OUTPUT/videos. The same command resumes after an interruption. At the end
OUTPUT gets two files of weights without the classifier in float16: of clips, about 4 MB, and of streams, about 7 MB. No
path is similar to a gesture of EgoGestAR (see keras_action.data.render_path). docs/motion_weights.md has the results.

For a camera that people face, `--stages hands paths persons` has another stage: the sixty paths in twice as many clips,
half of them by synthetic persons. Models of clips do not need the stage of streams; --stream-epochs shortens it.

With several methods or seeds each model has its own folder OUTPUT/METHOD/SEED, where `keras-action experiments
--start-from OUTPUT` finds it.
"""

import dataclasses
import math
import time
from pathlib import Path

import keras_action
from keras_action.programs.arguments import add_set_argument, exit_on_errors, program_parser
from keras_action.utils.fields import attributes
from keras_action.utils.intervals import is_ignored

from .methods import METHODS

_SIZE = (88, 116)
_VAL_SHARE = 0.1


@dataclasses.dataclass(frozen=True)
class Stage:
    """One stage: a synthetic data set, and the epochs of its training.

    Attributes:
        name: Name of the folder of its run.
        kind: Kind of the videos; see `keras_action.data.write_synthetic_dataset`.
        clips_per_class: Clips of each class, a tenth of them for validation.
        epochs: Number of epochs. For streams it may be below 1: a share of the gestures' clips, in one epoch.
        num_paths: Number of random paths, for the kind `"path"`.
        performers: Who draws, in turn.
        videos: Name of the folder of its videos; `None` for its name.
    """

    name: str
    kind: str
    clips_per_class: int
    epochs: float
    num_paths: int = 60
    performers: tuple[str, ...] = ("finger",)
    videos: str | None = None


_PATHS = Stage("paths", "path", clips_per_class=28, epochs=8)
STAGES = (
    Stage("hands", "hand", clips_per_class=140, epochs=8),
    _PATHS,
    dataclasses.replace(_PATHS, name="paths_again", videos="paths"),
)
PERSONS = Stage("persons", "path", clips_per_class=56, epochs=8, performers=("finger", "person"))
STREAMS = Stage("streams", "path", clips_per_class=22, epochs=4, num_paths=120)
_HAND_STEP = 3  # of the open hand's gestures every third clip is in the streams
_VAL_STEP = 3  # and of the validation clips of gestures
_MEMORY_SHARE = 0.28  # sequences for the first training of the memory, as a share of the clips


def make_parser():
    parser = program_parser("pretrain", __doc__)
    parser.add_argument("--output", required=True, metavar="FOLDER", help="folder of runs, videos and weights")
    parser.add_argument(
        "--method",
        nargs="+",
        choices=METHODS,
        default=["ACTION"],
        metavar="NAME",
        help=f"of {', '.join(METHODS)} (default: ACTION)",
    )
    parser.add_argument("--weights", default="imagenet", metavar="FILE", help="weights of the backbone at the start")
    parser.add_argument(
        "--seed",
        nargs="+",
        type=int,
        default=[0],
        metavar="N",
        help="of the training; the videos are always the same (default: 0)",
    )
    parser.add_argument(
        "--stages",
        nargs="+",
        choices=[stage.name for stage in (*STAGES, PERSONS, STREAMS)],
        default=[stage.name for stage in (*STAGES, STREAMS)],
        metavar="NAME",
        help=f"leave out the others (default: all but {PERSONS.name})",
    )
    parser.add_argument(
        "--stream-epochs",
        type=float,
        default=STREAMS.epochs,
        metavar="N",
        help=f"epochs of the stage of streams, also below 1 (default: {STREAMS.epochs})",
    )
    parser.add_argument("--videos", metavar="FOLDER", help="of an earlier call (default: OUTPUT/videos)")
    parser.add_argument("--clips-share", type=float, default=1.0, metavar="SHARE", help="of the clips, for a trial")
    parser.add_argument("--workers", type=int, metavar="N", help="processes that render (default: one for each core)")
    add_set_argument(parser)
    return parser


def render(stage, videos, clips_share=1.0, workers=None):
    """Renders the videos of a stage, unless they are there already; returns the two `Annotations`."""
    data = keras_action.data
    options = {"size": _SIZE, "val_share": _VAL_SHARE, "workers": workers}
    options |= attributes(stage, "kind", "num_paths", "performers")
    folder = videos / (stage.videos or stage.name)
    clips_per_class = max(2, round(stage.clips_per_class * clips_share))
    training_csv, validation_csv = data.write_synthetic_dataset(folder, clips_per_class, **options)
    training = data.read_annotations(training_csv)
    return training, data.read_annotations(validation_csv, labels=training.labels)


def thin_out(annotations, step):
    """The clips of the background, and every `step`-th one of the gestures."""
    background = [clip for clip in annotations.clips if is_ignored(clip.label)]
    gestures = [clip for clip in annotations.clips if not is_ignored(clip.label)]
    return (*background, *gestures[::step])


def stream_recipe(recipe, num_sequences):
    """The recipe of the streams, from that of the stage before. In a third of its sequences labels come earlier."""
    from .recipes import streams

    settings = streams.recipe().replace(early_sequences=num_sequences // 3)
    names = ("causal", "memory", "return_sequences", "num_segments", "sequences", "partial_batch_norm", "batch_size")
    return recipe.replace(
        **attributes(settings, *names), label_smoothing=0.0, learning_rate=1e-3, warmup_epochs=0.1, global_clipnorm=5.0
    )


def begin_memory(recipe, training, path):
    """The first training of the memory, with the rest frozen; writes the model to `path`, unless it is there."""
    import keras

    from keras_action.training.build import build_model, training_batches
    from keras_action.training.memory import train_memory
    from keras_action.training.run import save_keras_file

    if not path.is_file():
        keras.utils.set_random_seed(recipe.seed)
        model = build_model(recipe, len(training.labels), training.labels)
        # Other sequences than those of the training that follows.
        batches = training_batches(recipe.replace(seed=recipe.seed + 1000), training)
        train_memory(model, batches, steps=math.ceil(_MEMORY_SHARE * len(training) / recipe.batch_size))
        save_keras_file(model, path)
    return path


def weights_name(recipe):
    """The name of the files of weights; that of ACTION and TSM is as `weights="motion"` expects it."""
    name = f"{recipe.backbone}_{recipe.model}"
    if recipe.model == "action_net" and len(recipe.paths) < len(METHODS["ACTION"]["paths"]):
        name += f"_{'_'.join(recipe.paths)}"
    return f"{name}_learnable_shift" if (recipe.model, recipe.shift) == ("tsm", "learnable") else name


def pretrain(recipe, folder, stages=STAGES, streams=STREAMS, videos=None, clips_share=1.0, workers=None):
    """Trains the stages one after the other, each from the weights of the one before, and then on streams.

    Args:
        recipe: The `Recipe` of the first stage, whose number of epochs is each stage's own unless it is below.
        folder: Path of the folder for the runs and the weights.
        stages: The `Stage`s, the first one of the open hand.
        streams: The `Stage` of the clips that are joined into streams, or `None` to leave it out.
        videos: Path of the folder of the videos; `None` for `videos` in `folder`.
        clips_share: Share of the clips.
        workers: Processes that render, or `None` for one for each core.

    Returns:
        List of the paths of the weights: of clips and, with `streams`, of streams.
    """
    from keras_action.training.callbacks import read_log
    from keras_action.training.run import LAST, load_keras_file

    folder = Path(folder)
    videos = folder / "videos" if videos is None else Path(videos)

    def train(stage, recipe, training, validation):
        started = time.monotonic(), time.process_time()
        recipe = recipe.replace(epochs=min(recipe.epochs, stage.epochs))
        run = keras_action.train(recipe, training, validation, folder / stage.name, tensorboard=False)
        accuracy = max(row["val_accuracy"] for row in read_log(run.folder))
        of_what = "steps of the validation streams, weighted" if recipe.return_sequences else "validation clips"
        minutes, processor = (time.monotonic() - started[0]) / 60, (time.process_time() - started[1]) / 60
        print(
            f"{stage.name}: {accuracy:.1%} of the {of_what}, {minutes:.0f} minutes, {processor:.0f} core-minutes",
            flush=True,
        )
        return run

    for stage in stages:
        run = train(stage, recipe, *render(stage, videos, clips_share, workers))
        recipe = recipe.replace(start_from=str(run.folder), weights=None)
    name = weights_name(recipe)
    of_clips = keras_action.models.save_motion_weights(run.load_model(), folder / f"{name}.npz")
    if streams is None:
        return [of_clips]

    hands, _ = render(stages[0], videos, clips_share, workers)
    paths, validation = render(streams, videos, clips_share, workers)
    labels = tuple(sorted({*paths.labels, *hands.labels}))
    Annotations = keras_action.data.Annotations
    step = max(1, round(1 / streams.epochs))
    streams = dataclasses.replace(streams, epochs=max(1, int(streams.epochs)))
    training = Annotations((*thin_out(paths, step), *thin_out(hands, step * _HAND_STEP)), labels)
    validation = Annotations(thin_out(validation, _VAL_STEP), labels)
    recipe = stream_recipe(recipe, min(recipe.epochs, streams.epochs) * len(training))
    start = begin_memory(recipe, training, folder / f"memory_{stages[-1].name}.keras")
    run = train(streams, recipe.replace(start_from=str(start)), training, validation)
    # The last epoch's: the accuracy of steps is less certain than that the schedule has ended.
    model = load_keras_file(run.folder / LAST)
    return [of_clips, keras_action.models.save_motion_weights(model, folder / f"{name}_memory.npz")]


def main(argv=None):
    parser = make_parser()
    arguments = parser.parse_args(argv)
    epochs = arguments.stream_epochs
    if not (0 < epochs < 1 or (epochs >= 1 and epochs % 1 == 0)):
        parser.error(f"--stream-epochs must be a whole number, or between 0 and 1. Received: {epochs:g}")
    if STAGES[0].name not in arguments.stages:
        parser.error(f"--stages must contain {STAGES[0].name}. Received: {' '.join(arguments.stages)}")
    output, paths = Path(arguments.output), []
    stages = [stage for stage in (*STAGES, PERSONS) if stage.name in arguments.stages]
    streams = dataclasses.replace(STREAMS, epochs=epochs) if STREAMS.name in arguments.stages else None
    models = [(method, seed) for seed in arguments.seed for method in arguments.method]
    with exit_on_errors(FloatingPointError, interrupted=f"Interrupted. The same command resumes in {output}."):
        import keras

        from .recipes import load_recipe

        for method, seed in models:
            recipe = load_recipe("drawing", [f"weights={arguments.weights}", f"seed={seed}", *arguments.set])
            if len(models) > 1:
                print(f"\n{method}, seed {seed}", flush=True)
            paths += pretrain(
                recipe.replace(**METHODS[method]),
                output / method / str(seed) if len(models) > 1 else output,
                stages=stages,
                streams=streams,
                videos=arguments.videos or output / "videos",
                clips_share=arguments.clips_share,
                workers=arguments.workers,
            )
            keras.backend.clear_session()
    for path in paths:
        print(f"Motion weights: {path}, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
