"""README and docs: every block runs, or says why not; every link leads somewhere; every public name is documented."""

import glob
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from tests import documentation
from tests.documentation import ROOT, SHELLS, blocks, commands, pages

# The blocks that are not run, by page: the first line of each, or all.
NOT_RUN = {
    "README.md": ["python3 -m venv", "make demo", "keras-action train --recipe streams", "keras-action verify"],
    "docs/activation_maps.md": [
        "keras-action train --recipe few_clips",
        "import keras_action",
        'R="runs/drawings"',
        'R="runs/ego"',
        "python -m benchmarks.map_motion",
    ],
    "docs/data_sets.md": ["pip install 'keras_action[beam]'", "import keras_cv", "pip install 'tensorflow==2.17"],
    "docs/devices.md": "all",
    "docs/index.md": ["python3 -m venv"],
    "docs/litert_speed.md": "all",
    "docs/motion_weights.md": ["B=", "keras-action pretrain", "keras-action pretrain"],
    "docs/onnx.md": ['pip install "keras', "import keras_action", "stream ="],
    "docs/recognize.md": ["keras-action recognize", "pip install 'keras", "keras-action recognize"],
    "docs/results.md": "all",
    "docs/several_devices.md": "all",
    "docs/studio.md": "all",
    "docs/torch_checkpoints.md": ["curl -LO", "weights = torch.load"],
    "docs/training.md": ["keras-action train --recipe streams"],
    "docs/tutorial.md": ["git clone"],
    "docs/web.md": "all",
}

# What the blocks of a page find in the folder that they run in: names of `documentation_files.MAKERS`.
FILES = {
    "README.md": ("videos", "some.mp4", "jester", "gesture.tflite"),
    "docs/activation_maps.md": ("runs", "videos"),
    "docs/data_sets.md": ("jester", "something", "egogesture", "shards/jester", "videos"),
    "docs/evaluation.md": ("runs/mine", "videos", "gesture.tflite", "jester", "jester.pth.tar"),
    "docs/litert.md": ("videos", "runs/mine"),
    "docs/own_data.md": ("videos", "jester"),
    "docs/recognition.md": ("videos", "some.mp4", "streams", "gesture.tflite", "events.json"),
    "docs/torch_checkpoints.md": ("checkpoint.pth.tar", "resnet50.pth", "videos", "labels.txt"),
    "docs/training.md": ("shards/jester", "runs/mine", "videos"),
}
# What they find under another name than the maker's.
COPIES = {
    "README.md": (("jester", "DATA"),),
    "docs/activation_maps.md": (("videos/val/wave/clip1.mp4", "swipe.mp4"),),
    "docs/data_sets.md": (("videos", "."), ("videos/train.csv", "gestures.csv"), ("videos/train.csv", "videos.csv")),
    "docs/own_data.md": (("videos", "."), ("videos/train.csv", "gestures.csv")),
    "docs/recognition.md": (("streams", "."), ("streams", "videos")),
    "docs/training.md": (("videos", "."), ("videos/train.csv", "gestures.csv")),
}

# Pages whose Python takes longer: it trains, or converts a full-size model.
SLOW_PYTHON = {
    "README.md",
    "docs/activation_maps.md",
    "docs/backbones.md",
    "docs/index.md",
    "docs/streaming.md",
    "docs/torch_checkpoints.md",
}

# Pages of which Python and commands build on each other; the Python is run with the commands, by the slow test.
WHOLE = {"docs/tutorial.md"}

# What makes the programs of the pages quick: arguments that are added to those that a page gives.
TINY = ("epochs=1", "alpha=0.35", "weights=none", "input_size=32", "num_segments=4", "batch_size=6", "frozen_epochs=0")
TINY = (*TINY, "backbone=mobilenet_v2", "optimizer=adamw", "learning_rate=0.004", "reference_batch_size=none")
TINY = (*TINY, "schedule=cosine", "dropout=0", "jit_compile=false", "color_jitter=0.1")
QUICK = {
    "benchmarks.litert_streaming": ("--rounds", "2", "--input-size", "64", "--threads", "1", "--formats", "float32"),
    "benchmarks.prepare": ("--clips", "2"),
    "convert": ("--min-agreement", "0"),  # of a model that has hardly been trained
    "experiments": ("--seeds", "0", "--set", *TINY),
    "synthesize": ("--clips-per-class", "4", "--size", "48", "64"),
    "train": ("--set", *TINY),
}


def with_blocks(*languages):
    return [page for page in pages() if blocks(page, languages)]


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A function that gives the path of what a maker makes, once in a session."""
    folder = tmp_path_factory.mktemp("documentation")

    def make(name):
        pytest.importorskip("av", reason="the extra video is not installed")
        if name == "gesture.tflite":
            pytest.importorskip("ai_edge_quantizer", reason="the extra litert is not installed")
        if ".pth" in name:
            pytest.importorskip("torch", reason="it makes the checkpoints")
        from tests.documentation_files import MAKERS

        path = folder / name.replace("/", "_") / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            MAKERS[name](path)
        return path

    return make


@pytest.fixture
def workplace(made, tmp_path, monkeypatch):
    """A function that makes the current folder one in which a page's blocks find what they name."""

    def prepare(page):
        for name in FILES.get(page, ()):
            _copy(made(name), tmp_path / name)
        for source, target in COPIES.get(page, ()):
            _copy(tmp_path / source, tmp_path / target)
        monkeypatch.chdir(tmp_path)

    return prepare


def _copy(source, target):
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
        if Path(f"{source}.csv").exists():
            shutil.copy(f"{source}.csv", f"{target}.csv")


def _names(page):
    """What a page takes as given."""
    if page == "docs/cost.md":
        import keras_action

        return {
            "keras_action": keras_action,
            "model": keras_action.build_tsn("mobilenet_v2", 3, 2, input_size=64, alpha=0.35),
        }
    if page == "docs/streaming.md":
        rng = np.random.default_rng(0)
        clips = rng.integers(0, 256, (2, 8, 224, 224, 3), dtype="uint8")
        return {"video": clips[0], "clips": clips, "labels": [f"gesture {number}" for number in range(27)]}
    return {}


@pytest.mark.parametrize("page", pages())
def test_each_block_is_of_a_kind_that_is_tested(page):
    for block in blocks(page):
        assert block.language in {"", "text", "math", "help", "python", *SHELLS} or block.not_run, block
        if block.language == "" and not block.not_run:
            assert not re.search("keras-action |python -m", block.code), (
                f"{page}:{block.line} is a shell block and must say so"
            )
    marks = re.findall(r"<!-- not? ", documentation.text_of(page))
    assert len(marks) == len({block.line for block in blocks(page) if block.not_run}) or NOT_RUN[page] == "all"


def test_what_is_not_run_is_what_is_known():
    found = {}
    for page in pages():
        lines = [block.first_line for block in blocks(page) if block.not_run]
        if lines:
            found[page] = lines
    assert found.keys() == NOT_RUN.keys()
    for page, lines in found.items():
        if NOT_RUN[page] == "all":
            assert len(lines) == len(blocks(page))
        else:
            assert len(lines) == len(NOT_RUN[page]), page
            for line, known in zip(lines, NOT_RUN[page], strict=True):
                assert line.startswith(known), page


def test_shell_blocks_that_call_none_of_our_programs_are_not_said_to_run():
    for page in pages():
        for block in blocks(page, SHELLS):
            assert block.not_run or re.search(r"keras-action |python -m benchmarks\.", block.code), block


@pytest.mark.parametrize("page", [page for page in pages() if commands(page)])
def test_every_program_takes_the_arguments(page, capsys):
    for command in commands(page):
        parser = documentation.program(command.program).make_parser()
        try:
            parser.parse_args(command.arguments)
        except SystemExit:
            pytest.fail(f"{command.program} {command.arguments}: {capsys.readouterr().err}")


@pytest.mark.parametrize("page", pages())
def test_programs_and_options_named_in_the_text_exist(page):
    for name, rest in documentation.programs_in_text(documentation.text_of(page)):
        options = documentation.program(name).make_parser()._option_string_actions
        assert {word for word in rest.split() if word.startswith("--")} <= set(options), (name, rest)


@pytest.mark.parametrize("page", [page for page in with_blocks("python") if page not in SLOW_PYTHON | WHOLE])
def test_python_blocks_run(page, workplace, capsys):
    _run_python(page, workplace)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in with_blocks("python") if page in SLOW_PYTHON])
def test_slow_python_blocks_run(page, workplace, capsys, imagenet):
    _run_python(page, workplace)


def _run_python(page, workplace):
    workplace(page)
    names = _names(page)
    for number, block in enumerate(blocks(page, ["python"])):
        if page == "docs/streaming.md" and number == 1:
            names["stream"] = _stream_as_if_trained(names["model"], names["clips"])
        if not block.not_run:
            exec(compile(block.code, f"{page}:{block.line}", "exec"), names)
    if page == "README.md":
        assert names["run"].checkpoint.exists()


def _stream_as_if_trained(model, clips):
    """The streaming twin with the clips' statistics in its normalisations: XNNPACK takes no scales that explode."""
    import keras_action
    from benchmarks.litert import take_statistics

    take_statistics(model, clips)
    return keras_action.streaming_model(model)


def test_the_first_block_of_the_readme(capsys):
    names = {}
    exec(blocks("README.md", ["python"])[0].code, names)
    assert names["model"].output_shape == (None, 83)
    assert "2,355,455" in capsys.readouterr().out


@pytest.fixture
def imagenet(tmp_path, monkeypatch):
    """ImageNet's weights where Keras keeps them; random ones, for there may be no network."""
    import h5py
    import keras
    from keras.src.legacy.saving import legacy_h5_format

    folder = tmp_path / "keras_home"
    (folder / "models").mkdir(parents=True)
    backbone = keras.applications.MobileNetV2((128, 128, 3), include_top=False, weights=None)
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_128_no_top.h5"
    with h5py.File(folder / "models" / name, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, backbone)
    monkeypatch.setattr("keras.src.utils.file_utils.config.keras_home", lambda: str(folder))


@pytest.mark.slow
@pytest.mark.parametrize("page", [p for p in pages() if any(not command.not_run for command in commands(p))])
def test_commands_run(page, workplace, monkeypatch):
    """All commands of a page, in order, on made-up data, with small models; of a page of WHOLE its Python as well."""
    workplace(page)
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    names = {}
    for block in blocks(page):
        if block.language == "python" and page in WHOLE:
            exec(compile(block.code, f"{page}:{block.line}", "exec"), names)
        for command in commands(page):
            if command.line == block.line and not command.not_run:
                _run_command(page, command)


def _run_command(page, command):
    quick = QUICK.get(command.program, ())
    if page == "docs/torch_checkpoints.md":
        quick = [word for word in quick if word != "alpha=0.35"]  # the checkpoint has the full width
    words = [path for word in command.arguments for path in (sorted(glob.glob(word)) or [word])]
    try:
        documentation.program(command.program).main([*words, *quick])
    except SystemExit as end:
        assert not end.code, f"{command.program} {' '.join(words)}: {end.code}"


@pytest.mark.parametrize("page", pages())
def test_links_lead_somewhere(page):
    for file, anchor in documentation.links(page):
        target = ((ROOT / page).parent / file).resolve() if file else ROOT / page
        assert target.exists(), file
        if anchor and target.suffix == ".md":
            assert anchor in documentation.anchors(target.relative_to(ROOT).as_posix()), f"{file}#{anchor}"


def test_files_named_in_contributing_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    paths = re.findall(r"`((?:keras_action|training|export|benchmarks|tests|docs)/[\w./]*)`", text)
    assert len(paths) > 15
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_the_citation_is_of_this_version():
    from keras_action.version import __version__

    lines = (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    assert f"version: {__version__}" in lines
