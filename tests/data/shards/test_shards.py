import filecmp
import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_action.data import (
    AnnotationError,
    Annotations,
    Clip,
    DecodingError,
    TooManyFailuresError,
    open_clip,
    read_annotations,
    read_shard_jpegs,
    read_shards,
    write_shards,
    write_video,
)
from keras_action.data.shards import worker

ROOT = Path(__file__).resolve().parents[3]
SETTINGS = {"short_side": 32, "clips_per_shard": 2, "workers": 1, "progress": False}
LABELS = ("b", "a", "none of these")  # not in the order of the alphabet, and one without clips


def noise(count, size, seed=0):
    """Smooth noise of faint colours: pictures that JPEG can hold."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 220, (count, 6, 8, 1)) + rng.integers(0, 36, (count, 6, 8, 3))
    return tf.cast(tf.image.resize(coarse, size), tf.uint8).numpy()


def write_folder(folder, frames, encode=tf.io.encode_jpeg, suffix="jpg"):
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames, start=1):
        (folder / f"{number:05}.{suffix}").write_bytes(encode(frame).numpy())
    return str(folder)


@pytest.fixture(scope="module")
def annotations(tmp_path_factory):
    """Videos, two of them parts of one, and frame folders: small JPEGs, large JPEGs, PNGs, and a part."""
    root = tmp_path_factory.mktemp("clips")
    for i in range(3):
        write_video(root / "videos" / f"{i}.mp4", noise(10, (48, 64), i), fps=10)
    small = write_folder(root / "small", noise(7, (24, 32), 5), lambda frame: tf.io.encode_jpeg(frame, quality=70))
    large = write_folder(root / "large", noise(5, (48, 64), 6))
    png = write_folder(root / "png", noise(4, (24, 32), 7), tf.io.encode_png, "png")
    clips = (
        Clip(str(root / "videos/0.mp4"), "a", group="Ann"),
        Clip(str(root / "videos/1.mp4"), "b", group="Ann"),
        Clip(str(root / "videos/2.mp4"), "a", 0.5, None, group="Ben"),
        Clip(str(root / "videos/2.mp4"), "b", 0.0, 0.4, group="Ben"),
        Clip(small, "a", fps=12),
        Clip(small, "b", frames=(2, 5), fps=12),
        Clip(large, "a"),
        Clip(png, "b"),
    )
    return Annotations(clips, LABELS)


@pytest.fixture(scope="module")
def shards(annotations, tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards") / "made"
    report = write_shards(annotations, folder, **SETTINGS)
    assert str(report).startswith(f"{folder}: 8 clips, 48 frames, ")
    return folder


@pytest.fixture
def copy(shards, tmp_path):
    return Path(shutil.copytree(shards, tmp_path / "copy"))


def names(folder):
    return sorted(os.listdir(folder))


def assert_same_files(folder, other):
    assert names(folder) == names(other)
    assert filecmp.cmpfiles(folder, other, names(folder), shallow=False)[1:] == ([], [])


def by_name(annotations):
    return {clip.name: clip for clip in annotations.clips}


def test_layout(shards):
    parts = [f"shard-{i:05}-of-00004.{suffix}" for i in range(4) for suffix in ("json", "npy", "tfrecord")]
    assert names(shards) == sorted([*parts, "manifest.json", "preparation.json"])


def test_clips_come_back(annotations, shards):
    read = read_shards(shards, verify=True)
    assert read.labels == LABELS
    clips = by_name(read)
    videos = ("videos/0.mp4", "videos/1.mp4", "videos/2.mp4#t=0.5", "videos/2.mp4#t=0,0.4")
    names = (*videos, "small", "small#frames=2,5", "large", "png")
    assert clips.keys() == set(names)
    for name, source in zip(names, annotations.clips, strict=True):
        clip = clips[name]
        assert (clip.label, clip.group) == (source.label, source.group)
        assert clip.fps == (10 if "videos" in name else source.fps)
        expected = open_clip(source).read(short_side=32)
        frames = open_clip(clip).read()
        assert frames.shape == expected.shape
        assert np.abs(frames.astype(int) - expected).mean() < 3
        order = [2, 0, 2]
        np.testing.assert_array_equal(open_clip(clip).read(order), frames[order])
        assert open_clip(clip).read([0], short_side=12).shape == (1, 12, 16, 3)


def test_small_jpegs_are_copied_byte_for_byte(annotations, shards):
    clips = by_name(read_shards(shards))
    files = sorted(Path(annotations.clips[4].path).iterdir())
    jpegs, size = read_shard_jpegs(clips["small"].path, np.arange(*clips["small"].frames))
    assert size == (24, 32)
    assert jpegs == [file.read_bytes() for file in files]
    first, _ = clips["small#frames=2,5"].frames
    assert read_shard_jpegs(clips["small#frames=2,5"].path, [first + 2, first])[0] == [
        files[4].read_bytes(),
        files[2].read_bytes(),
    ]


def test_plain_tensorflow_reads_them(annotations, shards):
    features = {
        "frames": tf.io.FixedLenSequenceFeature((), tf.string, allow_missing=True),
        "label": tf.io.FixedLenFeature((), tf.string),
        "label_id": tf.io.FixedLenFeature((), tf.int64),
        "name": tf.io.FixedLenFeature((), tf.string),
        "height": tf.io.FixedLenFeature((), tf.int64),
        "width": tf.io.FixedLenFeature((), tf.int64),
        "fps": tf.io.FixedLenFeature((), tf.float32, default_value=0.0),
        "group": tf.io.FixedLenFeature((), tf.string, default_value=""),
    }
    dataset = tf.data.TFRecordDataset(tf.data.Dataset.list_files(f"{shards}/*.tfrecord", shuffle=False))
    clips = read_shards(shards).clips
    seen = list(dataset.map(lambda record: tf.io.parse_single_example(record, features)).as_numpy_iterator())
    assert len(seen) == len(clips)
    for example, clip in zip(seen, clips, strict=True):
        assert example["name"].decode() == clip.name
        assert example["label"].decode() == clip.label == LABELS[example["label_id"]]
        assert example["fps"] == (clip.fps or 0)
        assert example["group"].decode() == (clip.group or "")
        jpegs, size = read_shard_jpegs(clip.path, np.arange(*clip.frames))
        assert (example["height"], example["width"]) == size == tf.io.decode_jpeg(jpegs[0]).shape[:2]
        assert example["frames"].tolist() == jpegs


def test_read_annotations_takes_them(annotations, shards, tmp_path):
    with pytest.raises(AnnotationError, match=r"no clips of none of these\. Add clips"):
        read_annotations(shards)
    read = read_annotations(shards, allow_empty_classes=True)
    assert read == read_shards(shards)
    relabelled = read_annotations(shards, labels=("a", "b"))
    assert relabelled.labels == ("a", "b")
    assert (relabelled.label_ids() != read.label_ids()).all()
    with pytest.raises(AnnotationError, match=r"unknown label; known are a\. Received: 'b'"):
        read_annotations(shards, labels=("a",))
    with pytest.raises(AnnotationError, match=rf"name one: {shards.name}"):
        read_annotations(shards.parent)
    with pytest.raises(FileNotFoundError, match=r"there are no shards"):
        read_shards(tmp_path)


def test_clips_survive_pickling_and_many_threads(shards):
    clips = pickle.loads(pickle.dumps(read_shards(shards).clips))
    expected = [open_clip(clip).read() for clip in clips]
    wrong = []

    def work(seed):
        for i in np.random.default_rng(seed).integers(0, len(clips), 20):
            if not np.array_equal(open_clip(clips[i]).read(), expected[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_shards_written_anew_are_read_anew(annotations, copy):
    clip = read_shards(copy).clips[0]
    open_clip(clip).read()
    shutil.rmtree(copy)
    write_shards(annotations, copy, **{**SETTINGS, "short_side": 16})
    assert open_clip(read_shards(copy).clips[0]).read().shape[1:] == (16, 21, 3)


def test_shards_of_shards(shards, tmp_path):
    """Their JPEGs are copied, so nothing is lost; to a smaller size they are scaled."""
    same, smaller = tmp_path / "same", tmp_path / "smaller"
    source = read_shards(shards)
    write_shards(source, same, **{**SETTINGS, "clips_per_shard": 3})
    write_shards(source, smaller, **{**SETTINGS, "short_side": 16})
    originals, copies, small = by_name(source), by_name(read_shards(same)), by_name(read_shards(smaller))
    assert originals.keys() == copies.keys() == small.keys()
    for name, clip in originals.items():
        jpegs, _ = read_shard_jpegs(clip.path, range(*clip.frames))
        assert read_shard_jpegs(copies[name].path, range(*copies[name].frames))[0] == jpegs
        assert read_shard_jpegs(small[name].path, range(*small[name].frames))[1][0] == 16
        assert (copies[name].fps, copies[name].group) == (clip.fps, clip.group)


def test_long_clips_are_read_in_pieces(annotations, shards, monkeypatch, tmp_path):
    monkeypatch.setattr(worker, "_CHUNK", 3)
    write_shards(annotations, tmp_path / "pieces", **SETTINGS)
    assert_same_files(shards, tmp_path / "pieces")


def test_too_large_a_clip_is_left_out(annotations, monkeypatch, tmp_path):
    monkeypatch.setattr(worker, "_MAX_BYTES", 6000)
    with pytest.warns(UserWarning, match="more than 2 GB"):
        report = write_shards(annotations, tmp_path, max_failed_share=0.9, **SETTINGS)
    assert 0 < report.num_failures < 8


def test_frames_of_two_sizes_are_a_failure(monkeypatch, tmp_path):
    monkeypatch.setattr(worker, "_CHUNK", 2)
    folder = Path(write_folder(tmp_path / "clip", noise(4, (24, 32))))
    (folder / "00003.jpg").write_bytes(tf.io.encode_jpeg(noise(1, (20, 32))[0]).numpy())
    (folder / "00004.jpg").write_bytes(tf.io.encode_jpeg(noise(1, (20, 32))[0]).numpy())
    annotations = Annotations((Clip(str(folder), "a"),), ("a",))
    with pytest.warns(UserWarning, match="of one size. Received: 32x20, after 32x24"):
        write_shards(annotations, tmp_path / "shards", max_failed_share=1, **SETTINGS)


# Damage


def first_jpeg(folder, clip):
    """The number of the file's byte at which a clip's first JPEG begins."""
    return int(np.load(clip.path.replace(".tfrecord", ".npy"))[clip.frames[0]]["offset"])


def test_a_changed_byte_costs_the_frame(copy):
    clips = read_shards(copy).clips
    place = first_jpeg(copy, clips[1]) + 40
    with open(clips[1].path, "r+b") as file:
        file.seek(place)
        byte = file.read(1)
        file.seek(place)
        file.write(bytes([byte[0] ^ 1]))
    with pytest.raises(DecodingError, match=rf"{clips[1].path}: frame 0 of the clip {clips[1].name} is damaged"):
        open_clip(clips[1]).read()
    assert len(open_clip(clips[1]).read([1, 2])) == 2
    assert len(open_clip(clips[0]).read())
    with pytest.raises(DecodingError, match=rf"1 of 12 files are damaged or missing: {Path(clips[1].path).name}$"):
        read_shards(copy, verify=True)


def test_truncated_shard(copy):
    clips = read_shards(copy).clips
    os.truncate(clips[1].path, first_jpeg(copy, clips[1]) + 10)
    with pytest.raises(DecodingError, match=rf"frame 0 of the clip {clips[1].name} is damaged or truncated"):
        open_clip(clips[1]).read()
    assert len(open_clip(clips[0]).read())


@pytest.mark.parametrize(
    ("suffix", "damage", "message"),
    [
        (".npy", Path.unlink, r"npy: the index of the shard can't be read: No such file"),
        (".npy", lambda path: path.write_bytes(path.read_bytes()[:100]), r"npy: the index of the shard can't be read"),
        (".npy", lambda path: np.save(path, np.zeros(90)), r"npy: the index of the shard can't be read: expected rows"),
        (".tfrecord", Path.unlink, r"tfrecord: No such file"),
    ],
)
def test_missing_and_damaged_files(copy, suffix, damage, message):
    clip = read_shards(copy).clips[0]
    damage(Path(clip.path).with_suffix(suffix))
    with pytest.raises(DecodingError, match=message):
        open_clip(clip).read()
    with pytest.raises(DecodingError, match="1 of 12 files are damaged or missing"):
        read_shards(copy, verify=True)


def test_rows_that_are_not_there(shards):
    clip = read_shards(shards).clips[0]
    with pytest.raises(DecodingError, match="the shard's index has no such frames"):
        read_shard_jpegs(clip.path, [1000])
    for wrong in (Clip(clip.path, "a"), Clip(clip.path, "a", 0.0, 1.0, clip.frames)):
        with pytest.raises(DecodingError, match="a clip of a shard is given by `frames`"):
            open_clip(wrong).read()


def test_damaged_lists(copy):
    path = next(copy.glob("shard-00002*.json"))
    path.write_text(path.read_text().replace('"first": 0', '"first": 1'))
    with pytest.raises(AnnotationError, match=rf"{path.name}: damaged, or of another preparation"):
        read_shards(copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(manifest | {"format": 2}))
    with pytest.raises(AnnotationError, match=r"manifest\.json: not a manifest of shards: expected format 1"):
        read_shards(copy)
    (copy / "manifest.json").write_text("{")
    with pytest.raises(AnnotationError, match="not a manifest of shards"):
        read_shards(copy)


# Resuming

KILLED = """
import os, signal, sys
from keras_action.data import read_annotations, write_shards
from keras_action.data.shards import worker

example, calls = worker._example, []

def example_or_death(*arguments):
    calls.append(1)
    if len(calls) == 6:
        os.kill(os.getpid(), signal.SIGKILL)
    return example(*arguments)

worker._example = example_or_death
write_shards(read_annotations(sys.argv[1]), sys.argv[2], short_side=24, clips_per_shard=2, workers=1)
"""


@pytest.fixture(scope="module")
def csv(tmp_path_factory):
    folder = tmp_path_factory.mktemp("csv")
    for i in range(8):
        write_video(folder / f"{i}.mp4", noise(6, (32, 40), i), fps=6)
    path = folder / "clips.csv"
    path.write_text("path,label\n" + "".join(f"{i}.mp4,{'ab'[i % 2]}\n" for i in range(8)))
    return path


def test_killed_and_resumed(csv, tmp_path):
    """The sixth clip's record is never written: two shards are done, the third is half there."""
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    done = subprocess.run([sys.executable, "-c", KILLED, str(csv), str(killed)], cwd=ROOT, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(list(killed.glob(".*.tmp.*"))) == 1
    kept = {path: path.stat() for path in killed.glob("shard-*")}
    assert len(kept) == 6
    with pytest.raises(AnnotationError, match=r"not finished: there is no manifest\.json. The same command resumes it"):
        read_annotations(killed)
    settings = {"short_side": 24, "clips_per_shard": 2, "workers": 1, "progress": False}
    report = write_shards(read_annotations(csv), killed, **settings)
    assert report.num_clips == 8
    for path, state in kept.items():
        assert (path.stat().st_ino, path.stat().st_mtime_ns) == (state.st_ino, state.st_mtime_ns)
    write_shards(read_annotations(csv), whole, **settings)
    assert_same_files(killed, whole)


@pytest.mark.parametrize("suffix", ["tfrecord", "npy", "json"])
def test_what_is_missing_or_cut_is_made_again(annotations, shards, copy, suffix):
    first, second = sorted(copy.glob(f"*.{suffix}"))[-2:]
    first.unlink()
    os.truncate(second, 30)
    write_shards(annotations, copy, **SETTINGS)
    assert_same_files(shards, copy)


def test_nothing_to_do(annotations, copy, monkeypatch):
    monkeypatch.setattr(worker, "_write_records", None)
    assert write_shards(annotations, copy, **SETTINGS).num_clips == 8


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"short_side": 48}, "short_side: 48, not 32"),
        ({"quality": 80}, "quality: 80, not 90"),
        ({"seed": 1}, "seed: 1, not 0"),
        ({"clips_per_shard": 3}, "num_shards: 3, not 4"),
    ],
)
def test_other_settings_in_the_same_folder(annotations, copy, change, message):
    with pytest.raises(ValueError, match=rf"begun with other clips or settings.* Received: {message}"):
        write_shards(annotations, copy, **{**SETTINGS, **change})
    assert read_shards(copy, verify=True)


def test_other_clips_in_the_same_folder(annotations, copy):
    fewer = Annotations(annotations.clips[:-1], LABELS)
    with pytest.raises(ValueError, match="Received: 7 clips, not 8"):
        write_shards(fewer, copy, **SETTINGS)
    clips = (*annotations.clips[:-1], Clip(annotations.clips[-1].path, "a"))
    with pytest.raises(ValueError, match=r"Received: clips: \['png', 'a'.*, not \['png', 'b'"):
        write_shards(Annotations(clips, LABELS), copy, **SETTINGS)
    with pytest.raises(ValueError, match="Received: labels: a, not b"):
        write_shards(Annotations(annotations.clips, ("a", "b", LABELS[2])), copy, **SETTINGS)


def test_the_clips_may_be_elsewhere(csv, tmp_path):
    """Mounted at another place, it is the same data set: what is done stays."""
    moved = shutil.copytree(csv.parent, tmp_path / "moved")
    settings = {"clips_per_shard": 2, "workers": 1, "progress": False}
    write_shards(read_annotations(csv), tmp_path / "shards", **settings)
    write_shards(read_annotations(moved / "clips.csv"), tmp_path / "shards", **settings)
    write_shards(read_annotations(moved / "clips.csv"), tmp_path / "others", **settings)
    assert_same_files(tmp_path / "shards", tmp_path / "others")


# Clips that can't be decoded


@pytest.fixture
def broken(csv, tmp_path):
    folder = Path(shutil.copytree(csv.parent, tmp_path / "broken"))
    (folder / "3.mp4").write_text("no video")
    return folder


def test_undecodable_clips_are_left_out(broken, tmp_path):
    annotations = read_annotations(broken / "clips.csv")
    settings = {"workers": 1, "progress": False, "clips_per_shard": 4, "max_failed_share": 0.2}
    with pytest.warns(UserWarning, match=r"A clip is left out: .*3\.mp4: Invalid data"):
        report = write_shards(annotations, tmp_path / "shards", **settings)
    assert (report.num_clips, report.num_failures) == (7, 1)
    assert str(report).endswith("2 shards; left out: 1")
    assert "3.mp4" not in by_name(read_shards(tmp_path / "shards"))
    (failure,) = json.loads((tmp_path / "shards/manifest.json").read_text())["failures"]
    assert (failure["name"], failure["label"]) == ("3.mp4", "b")
    assert "3.mp4: Invalid data" in failure["reason"]


def test_too_many_failures_and_a_second_try(broken, csv, tmp_path):
    annotations = read_annotations(broken / "clips.csv")
    settings = {"workers": 1, "progress": False, "clips_per_shard": 4}
    for _ in range(2):
        with pytest.warns(UserWarning), pytest.raises(TooManyFailuresError, match=r"More than 10% of 8 clips.*\n.*\n"):
            write_shards(annotations, tmp_path / "shards", **settings)
        with pytest.raises(AnnotationError, match="not finished"):
            read_shards(tmp_path / "shards")
    shutil.copy(csv.parent / "3.mp4", broken / "3.mp4")
    assert write_shards(annotations, tmp_path / "shards", retry_failures=True, **settings).num_clips == 8


# In parallel


def test_shards_of_another_order_have_the_same_bytes(annotations, shards, tmp_path, monkeypatch):
    """As processes make them, which get the function pickled. Those of the slow test import TensorFlow."""

    def run(function, numbers, workers, initializer):
        for number in reversed(numbers):
            yield pickle.loads(pickle.dumps(function))(number)

    monkeypatch.setattr("keras_action.data.shards.writing.run_on_cores", run)
    write_shards(annotations, tmp_path / "parallel", **{**SETTINGS, "workers": 2})
    assert_same_files(shards, tmp_path / "parallel")


@pytest.mark.slow
def test_processes_write_the_same_bytes(annotations, shards, tmp_path):
    write_shards(annotations, tmp_path / "parallel", **{**SETTINGS, "workers": 2})
    assert_same_files(shards, tmp_path / "parallel")


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["multi_processing", "multi_threading"])
def test_beam_writes_the_same_bytes(annotations, shards, mode, tmp_path):
    pytest.importorskip("apache_beam")
    options = ["--runner=DirectRunner", "--direct_num_workers=2", f"--direct_running_mode={mode}"]
    write_shards(annotations, tmp_path / "beam", **{**SETTINGS, "workers": None}, beam=options)
    assert_same_files(shards, tmp_path / "beam")


def test_without_beam(annotations, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    with pytest.raises(ImportError, match=re.escape("pip install 'keras_action[beam]'")):
        write_shards(annotations, tmp_path, beam=[])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"short_side": 0}, "Received: short_side=0, quality=90"),
        ({"quality": 101}, "Received: short_side=256, quality=101"),
        ({"clips_per_shard": 0}, "Received: clips_per_shard=0"),
        ({"workers": 0}, "Received: workers=0"),
        ({"workers": 2, "beam": []}, r"Received: workers=2, beam=\[\]"),
        ({"max_failed_share": 2}, "Received: max_share=2"),
    ],
)
def test_wrong_arguments(annotations, tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        write_shards(annotations, tmp_path / "shards", **arguments)
    assert not (tmp_path / "shards").exists()


def test_the_number_of_shards(annotations, tmp_path):
    """Small sets make enough of them for many cores, and the last is not a rest."""
    assert write_shards(annotations, tmp_path / "default", workers=1, progress=False).num_shards == 8
    report = write_shards(annotations, tmp_path / "three", **{**SETTINGS, "clips_per_shard": 3})
    sizes = [shard["clips"] for shard in json.loads((report.folder / "manifest.json").read_text())["shards"]]
    assert sorted(sizes) == [2, 3, 3]
