import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

import keras_action
from export.convert import QUANTIZATIONS, main
from export.verify import main as verify_main
from keras_action.litert import LiteRTModel, LiteRTStream, convert, read_metadata
from tests import tiny
from tests.litert.color_model import LABELS, color_clips, write_color_run
from tests.test_case import eagerly, reference

SLOW = [pytest.param(value, marks=pytest.mark.slow) for value in sorted(set(QUANTIZATIONS) - {"float32", "int8"})]


# Every format is converted and compared in tests/litert; the program passes its name on.
@pytest.mark.parametrize("quantization", ["float32", "int8", *SLOW])
def test_converts_a_run_and_checks_the_file(run, clips, tmp_path, capsys, quantization):
    path = tmp_path / "model.tflite"
    main([str(run), "--quantization", quantization, "--representative", str(clips), "--output", str(path)])
    text = capsys.readouterr().out
    assert "same class        100.0% of 24 clips" in text  # the broken one is left out
    for part in ("size ", "operators ", "error of logits ", "latency ", quantization):
        assert part in text
    metadata = read_metadata(path)
    assert (metadata.labels, metadata.clip_seconds) == (LABELS, pytest.approx(1.0))
    assert metadata.quantization == quantization
    assert metadata.extra["trained_on_streams"] is True
    inputs, ids = color_clips(4)
    assert (LiteRTModel(path)(inputs).argmax(axis=-1) == ids).all()


@pytest.mark.parametrize("quantization", [pytest.param("float32", marks=pytest.mark.slow), "int8"])
def test_streaming_file_of_a_causal_run(clips, tmp_path, capsys, quantization):
    path, causal = tmp_path / "stream.tflite", write_color_run(tmp_path / "causal", causal=True)
    options = ["--quantization", quantization, "--representative", str(clips), "--output", str(path)]
    main([str(causal), "--streaming", *options])
    assert "same class        100.0% of 24 clips" in capsys.readouterr().out
    stream = LiteRTStream(path)
    inputs, ids = color_clips(4)
    for clip, label in zip(inputs, ids, strict=True):
        stream.reset()
        for frame in clip:
            logits = stream(frame)
        assert logits.argmax() == label
    main(["--describe", str(path)])
    assert "state" in capsys.readouterr().out


@pytest.mark.parametrize(("option", "count"), [("T", 4), pytest.param("3", 3, marks=pytest.mark.slow)])
def test_streaming_file_with_the_mean_inside(clips, tmp_path, capsys, option, count):
    path, causal = tmp_path / "stream.tflite", write_color_run(tmp_path / "causal", causal=True)
    options = ["--eval-data", str(clips), "--average-over", option, "--output", str(path)]
    main([str(causal), "--streaming", *options])
    text = capsys.readouterr().out
    assert "same class        100.0% of 24 clips" in text
    assert float(re.search(r"error of logits +maximum (\S+) ", text)[1]) < 1e-4
    assert LiteRTStream(path).average_over == count


def test_streaming_needs_a_causal_run(run, tmp_path):
    message = failure([str(run), "--streaming", "--output", str(tmp_path / "stream.tflite")])
    assert message.startswith("error: ") and "causal=True" in message


def test_keras_file_without_a_run(run, tmp_path, capsys):
    shutil.copy(run / "best.keras", tmp_path / "model.keras")
    (tmp_path / "labels.txt").write_text("\n".join(LABELS) + "\n\n")
    arguments = [str(tmp_path / "model.keras"), "--output", str(tmp_path / "model.tflite")]
    main([*arguments, "--labels", str(tmp_path / "labels.txt"), "--clip-seconds", "1.5"])
    assert "of 8 clips" in capsys.readouterr().out  # random ones
    metadata = read_metadata(tmp_path / "model.tflite")
    assert (metadata.labels, metadata.clip_seconds) == (LABELS, 1.5)
    assert "trained_on_streams" not in metadata.extra  # it is not known
    main(arguments)
    assert read_metadata(tmp_path / "model.tflite").labels is None


def test_options_of_integer_files(run, clips, tmp_path, capsys):
    path, noise = tmp_path / "model.tflite", tmp_path / "noise.json"
    arguments = [str(run), "--quantization", "int8", "--representative", str(clips), "--output", str(path)]
    options = ["--output-dtype", "uint8", "--keep-float", "action/me", "--error-report", str(noise), "--author", "Ada"]
    main([*arguments, *options, "--eval-data", str(clips), "--eval-clips", "8"])
    text = capsys.readouterr().out
    for part in ("kept in float     ", "action/me", "top-1 ", "of 8 clips", "signal to noise", "uint8 (1, 4)"):
        assert part in text
    assert json.loads(noise.read_text())["operators"]
    main(["--describe", str(path)])
    text = capsys.readouterr().out
    for part in ("Ada", "red", "mobilenet_v2", '"crop_scales"', "XNNPACK"):
        assert part in text


def test_describe_or_convert(capsys, tmp_path):
    assert failure(["--describe", str(tmp_path / "missing.tflite")]).startswith("error: ")
    with pytest.raises(SystemExit):
        main(["run"])
    assert "or --describe" in capsys.readouterr().err


def failure(arguments):
    """Returns what `main` says when it exits with an error."""
    with pytest.raises(SystemExit) as exit:
        main(arguments)
    assert exit.value.code not in (None, 0)
    return exit.value.code


def test_disagreement_is_a_failure(run, clips, tmp_path):
    options = ["--representative", str(clips), "--output", str(tmp_path / "model.tflite")]
    message = failure([str(run), *options, "--min-agreement", "1.1", "--max-accuracy-drop", "-0.1"])
    assert "same class is 100.0%, at least 110.0% is allowed" in message
    assert "drop of top-1 is 0.00%, at most -10.00% is allowed" in message


def test_bad_input(run, clips, tmp_path):
    output = ["--output", str(tmp_path / "model.tflite")]
    text = tmp_path / "text.keras"
    text.write_text("no model")
    labels = tmp_path / "labels.txt"
    labels.write_text("one\ntwo\n")
    csv = tmp_path / "clips.csv"
    csv.write_text("path,label\na.mp4,purple\n")
    cases = {
        "There is no such": [str(tmp_path / "missing"), *output],
        "text.keras": [str(text), *output],
        "needs as many labels": [str(run), "--labels", str(labels), *output],
        "purple": [str(run), "--representative", str(csv), *output],
        "missing.csv": [str(run), "--representative", str(tmp_path / "missing.csv"), *output],
        "`kind` is for a PyTorch": [str(run), "--kind", "tsm", *output],
    }
    for message, arguments in cases.items():
        error = failure(arguments)
        assert error.startswith("error: ")
        assert message in error
    assert not (tmp_path / "model.tflite").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--quantization", "int8"], "needs --representative"),
        (["--quantization", "int16x8"], "int16x8 needs --representative"),
        (["--clips", "0"], "Received: --clips 0"),
        (["--eval-clips", "0"], "Received: --eval-clips 0"),
        (["--error-report", "error.png"], "--error-report is for"),
        (["--average-over", "T"], "--average-over is for --streaming"),
        (["--streaming", "--average-over", "0"], "a positive number, or T"),
        (["--quantization", "int4"], "invalid choice"),
        (["--clip-seconds", "0"], "Received: --clip-seconds 0"),
        (["--max-partitions", "0"], "expected a positive number, or any. Received: '0'"),
        (["--max-accuracy-drop", "0.01"], "needs --eval-data or --representative"),
        (["--output", "model.bin"], "must end in .tflite. Received: --output model.bin"),
    ],
)
def test_wrong_arguments(options, message, capsys):
    assert failure(["run", "--output", "model.tflite", *options]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("program", ["convert", "recognize", "verify"])
def test_help_does_without_tensorflow(program):
    code = f"import sys; from export.{program} import make_parser; make_parser(); print('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


@pytest.mark.slow
def test_a_checkpoint_whose_keys_do_not_tell_its_kind(tmp_path, capsys):
    checkpoint, path = tmp_path / "tsm.npz", tmp_path / "tsm.tflite"
    np.savez(checkpoint, **reference().state_dict("tsm_bninception_27c_8f_224px.npz"))
    model = [str(checkpoint), "--num-segments", "2"]
    assert "do not tell TSM from TSN" in failure([*model, "--output", str(path)])
    main([*model, "--kind", "tsm", "--output", str(path)])
    assert "same class        100.0%" in capsys.readouterr().out
    assert read_metadata(path).num_segments == 2


@pytest.fixture(scope="module")
def stream_run(tmp_path_factory):
    """A run of a model of streams, and the CSV of its clips."""
    folder = tmp_path_factory.mktemp("stream_run")
    csv = tiny.write_videos(folder, per_class=4)
    csv.write_text(csv.read_text().replace(",dark", ",none"))
    with pytest.MonkeyPatch.context() as patch, eagerly():
        tiny.register(patch)
        recipe = tiny.recipe(causal=True, memory=4, return_sequences=True, num_segments=8, time_step=0.25, epochs=2)
        recipe = recipe.replace(gradient_accumulation_steps=2)
        clips = keras_action.data.read_annotations(csv)
        return keras_action.train(recipe, clips, None, folder / "run", tensorboard=False), csv


@pytest.mark.parametrize("quantization", [pytest.param("float32", marks=pytest.mark.slow), "int8"])
def test_a_model_of_streams_becomes_a_streaming_file(quantization, stream_run, tmp_path, capsys, monkeypatch):
    tiny.register(monkeypatch)
    run, csv = stream_run
    path = tmp_path / "live.tflite"
    main([str(run.folder), "--quantization", quantization, "--representative", str(csv), "--output", str(path)])
    text = capsys.readouterr().out
    assert float(re.search(r"same class +(\S+)%", text)[1]) > 95
    with pytest.raises(SystemExit) as done:
        verify_main([str(path), "--model", str(run.folder), "--data", str(csv), "--runs", "0"])
    assert done.value.code == 0
    assert float(re.search(r"same class +(\S+)%", capsys.readouterr().out)[1]) > 95
    metadata = read_metadata(path)
    assert metadata.return_sequences and metadata.time_step == 0.25
    recognizer = keras_action.GestureRecognizer(path)
    assert (recognizer.stride, recognizer.predictor.average_over) == (0.25, 1)
    stream = LiteRTStream(path)
    assert stream.average_over == 1 and "state_memory_gru" in stream.states()
    with pytest.raises(ValueError, match="A model with `return_sequences` is for streams"):
        convert(run.load_model(), tmp_path / "clip.tflite")
    (tmp_path / "plain.keras").write_bytes(run.checkpoint.read_bytes())
    arguments = [str(tmp_path / "plain.keras"), "--representative", str(csv), "--output", str(path)]
    assert "needs its training run" in failure([*arguments, "--quantization", "int8"])
