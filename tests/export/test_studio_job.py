"""The training of a studio: what it trains on, and the settings for live recognition. No model is trained here."""

import os
import shutil

import pytest

from export.studio.job import read_split, split_takes, tune, with_windows
from export.studio.project import Project
from export.studio.recipe import choose_recipe
from keras_action.data import Annotations, Clip, write_video
from keras_action.utils.intervals import Interval, intervals_path, read_intervals, write_intervals
from tests.export.conftest import color_frames

FIRST, SECOND, THIRD = "20261127-090000", "20261128-101500", "20261129-101500"


def write_takes(project, labels, count, session=THIRD, frames=8):
    for label in labels:
        for number in range(count):
            path = project.clips / label / f"take_{session}_{number + 1:03}.mp4"
            write_video(path, color_frames([label], frames, seed=number), fps=8)


@pytest.mark.parametrize("count", [4, 80, 499, 500, 20_000])
def test_the_recipe_starts_from_the_motion_weights(count):
    """Windows count as clips, so that some dozens of takes are hundreds of clips."""
    recipe = choose_recipe(count)
    assert (recipe.weights, recipe.input_size) == ("motion", 72)
    assert 12 <= recipe.epochs <= 24


@pytest.mark.parametrize(
    ("sessions", "by_session"),
    [
        ({FIRST: {"none": 8, "wave": 8}}, False),
        ({FIRST: {"none": 8, "wave": 8}, SECOND: {"none": 4, "wave": 4}}, True),
        ({FIRST: {"none": 6, "wave": 6}, SECOND: {"none": 6, "wave": 6}, THIRD: {"none": 4, "wave": 4}}, True),
        # A session for each gesture: by session, one of them would not be learned.
        ({FIRST: {"none": 8}, SECOND: {"wave": 8}}, False),
        # One gesture was added later.
        ({FIRST: {"none": 8, "wave": 8}, SECOND: {"clap": 8}}, False),
        # The second session has too few takes left to learn from, whichever is held out.
        ({FIRST: {"none": 8, "wave": 1}, SECOND: {"none": 1, "wave": 8}}, False),
    ],
)
def test_takes_are_divided_by_session_where_that_is_possible(sessions, by_session):
    labels = tuple(sorted({label for counts in sessions.values() for label in counts}))
    clips = tuple(
        Clip(f"{label}/{session}_{number}.webm", label, group=session)
        for session, counts in sessions.items()
        for label, count in counts.items()
        for number in range(count)
    )
    training, validation = split_takes(Annotations(clips, labels))
    assert sorted(clip.path for part in (training, validation) for clip in part.clips) == sorted(
        clip.path for clip in clips
    )
    for part in (training, validation):
        assert {clip.label for clip in part.clips} == set(labels)
    shared = {clip.group for clip in training.clips} & {clip.group for clip in validation.clips}
    assert (not shared) == by_session
    if not by_session:
        assert len(validation) == pytest.approx(len(clips) / 4, abs=len(labels))


def test_a_training_keeps_its_takes(tmp_path):
    """They may be deleted and renamed meanwhile; a training that goes on has the same ones, and the same division."""
    project = Project(tmp_path / "mine")
    write_takes(project, ["none", "red"], 4)
    frames = project.clips / "red" / "by_hand"
    frames.mkdir()
    (frames / "00001.jpg").write_bytes(b"picture")
    training, validation, split = read_split(project)
    assert split == {"by_session": False, "sessions": 2, "training_takes": 7, "validation_takes": 2}
    content = {clip.path: _content(clip.path) for clip in (*training.clips, *validation.clips)}
    project.delete_take("red", f"take_{THIRD}_001.mp4")
    project.rename_gesture("red", "scarlet")
    shutil.rmtree(project.clips / "scarlet")
    again = read_split(project)
    assert again == (training, validation, split)
    assert {clip.path: _content(clip.path) for part in again[:2] for clip in part.clips} == content
    assert sum("by_hand" in path for path in content) == 1


def _content(path):
    if os.path.isdir(path):
        return [(name, _content(os.path.join(path, name))) for name in sorted(os.listdir(path))]
    with open(path, "rb") as file:
        return file.read()


def test_takes_are_copied_where_there_are_no_links(tmp_path, monkeypatch):
    def link(source, target):
        raise OSError("no links")

    monkeypatch.setattr(os, "link", link)
    project = Project(tmp_path / "mine")
    write_takes(project, ["none", "red"], 4)
    training, _, _ = read_split(project)
    project.remove_gesture("red")
    assert all(os.path.getsize(clip.path) for clip in training.clips)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"none": 8}, "at least one gesture besides “none”"),
        ({"none": 0, "red": 3, "blue": 4}, r"Too few takes of none \(0\), red \(3\)\. Record at least 4 of each"),
    ],
)
def test_too_few_takes(tmp_path, counts, message):
    project = Project(tmp_path / "mine")
    for label, count in counts.items():
        (project.clips / label).mkdir(exist_ok=True)
        write_takes(project, [label], count)
    with pytest.raises(ValueError, match=message):
        read_split(project)
    assert not (project.training / "takes.csv").exists()


def test_windows_of_a_stream_are_trained_on_too(tmp_path):
    project = Project(tmp_path / "mine")
    write_takes(project, ["none", "red", "blue"], 4)
    training, _, _ = read_split(project)
    clips = with_windows(project, training)
    assert clips.clips[: len(training)] == training.clips
    windows = clips.clips[len(training) :]
    assert {clip.label for clip in windows} == {"none", "red", "blue"}
    assert {clip.path for clip in windows} == {str(project.training / "windows.mp4")}
    stills = [clip for clip in windows if clip.end - clip.start < 0.1]
    assert {clip.label for clip in stills} == {"none"}
    assert len(stills) == 4  # of eight gestures: every second pause
    truth = read_intervals(intervals_path(project.training / "windows.mp4"))
    assert not any(gesture.start < clip.start < gesture.end for clip in stills for gesture in truth)
    assert all(clip.end - clip.start == pytest.approx(1.0, abs=0.01) for clip in windows if clip not in stills)
    assert with_windows(project, training) == clips  # of a training that goes on
    gestures = Annotations(tuple(clip for clip in training.clips if clip.label != "none"), ("blue", "red"))
    assert with_windows(project, gestures) is gestures


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Takes of the four colours."""
    project = Project(tmp_path_factory.mktemp("job") / "mine")
    write_takes(project, ["none", "red", "green", "blue"], 4)
    return project


def test_settings_are_found_on_long_takes(project, clip_file, stream):
    """Each long take counts whose gestures the model knows; without any, a stream of the held-out takes."""
    _, validation, _ = read_split(project)
    settings, points, source = tune(project, clip_file, validation)
    assert source == "held-out takes"
    assert (project.training / "joined.mp4").is_file()
    assert len({point.on_threshold for point in points}) == len(points) > 10

    truth = [Interval(label, start, start + 1) for label, start in (("red", 1), ("green", 3), ("blue", 5))]
    for number, label in enumerate(("red", "gesture of the past")):
        video = project.streams / f"stream_{THIRD}_{number + 1:03}.mp4"
        video.parent.mkdir(exist_ok=True)
        shutil.copy(stream, video)
        write_intervals(intervals_path(video), [Interval(label, 1, 2), *truth[1:]])
    (project.streams / "without_truth.mp4").write_bytes(b"no video")
    assert len(project.long_takes()) == 2
    settings, points, source = tune(project, clip_file, validation)
    assert source == "long takes"
    [tuned] = [point for point in points if point.on_threshold == settings.on_threshold]
    assert (tuned.detection_rate, tuned.false_alarms_per_minute) == (1.0, 0.0)
