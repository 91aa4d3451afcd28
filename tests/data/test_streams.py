import csv

import numpy as np
import pytest
import tensorflow as tf

from keras_action.data import (
    Annotations,
    Clip,
    DecodingError,
    iter_frames,
    join_clips,
    read_shards,
    stratified_parts,
    write_shards,
    write_video,
)


def clip_file(path, level, count, fps, size=(32, 40)):
    write_video(path, [np.full((*size, 3), level, "uint8")] * count, fps=fps)
    return str(path)


@pytest.fixture
def annotations(tmp_path):
    clips = (
        Clip(clip_file(tmp_path / "a.mp4", 40, 10, 10), "wave"),
        Clip(clip_file(tmp_path / "b.mp4", 120, 60, 30, size=(64, 64)), "none"),
        Clip(clip_file(tmp_path / "c.mp4", 200, 20, 10), "nod", start=0.5, end=1.5),
    )
    return Annotations(clips, ("nod", "none", "wave"))


def test_lengths_sizes_and_truth(annotations, tmp_path):
    truth = join_clips(annotations, tmp_path / "joined.mp4", seed=None, fps=10)
    assert [(s.label, s.start, s.end) for s in truth] == [("wave", 0.0, 1.0), ("nod", 3.0, 4.0)]
    frames = [frame for _, frame in iter_frames(tmp_path / "joined.mp4")]
    assert {frame.shape for frame in frames} == {(32, 40, 3)}
    levels = np.array([frame.mean() for frame in frames])
    np.testing.assert_allclose(levels, [40] * 10 + [120] * 20 + [200] * 10, atol=4)
    with open(tmp_path / "joined.mp4.csv", newline="") as file:
        assert list(csv.reader(file)) == [["label", "start", "end"], ["wave", "0.0", "1.0"], ["nod", "3.0", "4.0"]]


@pytest.mark.parametrize("fps", [15, 25, 30])
def test_at_the_clips_own_rate_each_frame_is_there_once(fps, tmp_path):
    expected = 40 + 70 * (np.arange(250) % 3)
    write_video(tmp_path / "a.mp4", (np.full((16, 16, 3), level, "uint8") for level in expected), fps=fps)
    annotations = Annotations((Clip(str(tmp_path / "a.mp4"), "wave"),), ("wave",))
    join_clips(annotations, tmp_path / "joined.mp4", fps=fps, min_pause=0, max_pause=0)
    levels = np.array([frame.mean() for _, frame in iter_frames(tmp_path / "joined.mp4")])
    np.testing.assert_allclose(levels, expected, atol=10)


def test_the_seed_gives_the_order(annotations, tmp_path):
    orders = {
        seed: [s.label for s in join_clips(annotations, tmp_path / "joined.mp4", seed=seed, fps=5, ignore=())]
        for seed in (0, 0, 1, 2)
    }
    assert len({tuple(order) for order in orders.values()}) > 1
    assert all(sorted(order) == ["nod", "none", "wave"] for order in orders.values())


def test_a_broken_clip_is_named_and_nothing_is_left(annotations, tmp_path):
    (tmp_path / "c.mp4").write_text("no video")
    with pytest.raises(DecodingError, match=r"c\.mp4"):
        join_clips(annotations, tmp_path / "joined.mp4", seed=None)
    assert not (tmp_path / "joined.mp4").exists()


def clip_folder(path, levels, size=(32, 40)):
    path.mkdir()
    for number, level in enumerate(levels):
        picture = tf.io.encode_png(np.full((*size, 3), level, "uint8"))
        (path / f"{number:03}.png").write_bytes(picture.numpy())
    return str(path)


def test_frame_folders_among_videos(annotations, tmp_path):
    folder = clip_folder(tmp_path / "d", [80] * 10 + [160] * 20)
    clips = (Clip(folder, "wave", frames=(10, 30), fps=20), Clip(folder, "nod", frames=(0, 10)), annotations.clips[0])
    annotations = Annotations(clips, annotations.labels)
    with pytest.raises(ValueError, match=r"/d: the frame rate of a frame folder must be given by `folder_fps`"):
        join_clips(annotations, tmp_path / "joined.mp4", seed=None, fps=10)
    assert not (tmp_path / "joined.mp4").exists()
    truth = join_clips(annotations, tmp_path / "joined.mp4", seed=None, fps=10, folder_fps=5)
    assert [(s.label, s.start, s.end) for s in truth] == [("wave", 0, 1), ("nod", 1, 3), ("wave", 3, 4)]
    levels = [frame.mean() for _, frame in iter_frames(tmp_path / "joined.mp4")]
    np.testing.assert_allclose(levels, [160] * 10 + [80] * 20 + [40] * 10, atol=4)


def test_shards_give_what_their_videos_give(annotations, tmp_path):
    write_shards(annotations, tmp_path / "shards", workers=1)
    for name, source in (("videos", annotations), ("shards", read_shards(tmp_path / "shards"))):
        clips = Annotations(tuple(sorted(source.clips, key=lambda clip: clip.label)), source.labels)
        join_clips(clips, tmp_path / f"{name}.mp4", seed=None, fps=10)
    videos, shards = (
        [frame.mean() for _, frame in iter_frames(tmp_path / f"{name}.mp4")] for name in ("videos", "shards")
    )
    np.testing.assert_allclose(shards, videos, atol=3)
    assert (tmp_path / "shards.mp4.csv").read_text() == (tmp_path / "videos.mp4.csv").read_text()


def levels_of(path):
    return np.array([frame.mean() for _, frame in iter_frames(path)])


def test_pauses_hold_the_frames_beside_them(annotations, tmp_path):
    path = tmp_path / "joined.mp4"
    truth = join_clips(annotations, path, seed=None, fps=10, min_pause=0.4, max_pause=0.4)
    assert [(s.label, s.start, s.end) for s in truth] == [("wave", 0.4, 1.4), ("nod", 4.2, 5.2)]
    levels = [40] * 4 + [40] * 10 + [40] * 2 + [120] * 2 + [120] * 20 + [120] * 2 + [200] * 2 + [200] * 10 + [200] * 4
    np.testing.assert_allclose(levels_of(path), levels, atol=4)


def test_background_between_clips(annotations, tmp_path):
    path = tmp_path / "joined.mp4"
    truth = join_clips(annotations, path, seed=1, fps=10, min_pause=0.5, max_pause=3, pauses="background")
    assert sorted(segment.label for segment in truth) == ["nod", "wave"]
    levels = levels_of(path)
    for segment in truth:
        inside = levels[round(10 * segment.start) : round(10 * segment.end)]
        np.testing.assert_allclose(inside, 40 if segment.label == "wave" else 200, atol=4)
        assert len(inside) == 10
    between = levels[round(10 * truth[0].end) : round(10 * truth[1].start)]
    assert 5 <= len(between) <= 30 and truth[0].start >= 0.5
    assert np.isclose(levels, 120, atol=4).sum() == len(levels) - 20
    again = join_clips(
        annotations, tmp_path / "again.mp4", seed=1, fps=10, min_pause=0.5, max_pause=3, pauses="background"
    )
    assert again == truth


def test_background_longer_than_all_of_its_clips(annotations, tmp_path):
    path = tmp_path / "joined.mp4"
    join_clips(annotations, path, fps=5, min_pause=5, max_pause=5, pauses="background")
    assert len(levels_of(path)) == 3 * 25 + 2 * 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_pause": 2, "max_pause": 1}, r"Received: min_pause=2, max_pause=1"),
        ({"min_pause": -1}, r"Received: min_pause=-1"),
        ({"max_pause": float("inf")}, r"max_pause=inf"),
        ({"pauses": "black"}, r"one of .*Received: pauses='black'"),
        ({"pauses": "background", "ignore": ("rest",)}, r"no clip for the background"),
    ],
)
def test_pauses_that_are_none(annotations, options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        join_clips(annotations, tmp_path / "joined.mp4", **options)
    assert not (tmp_path / "joined.mp4").exists()


def test_clips_are_dealt_out_evenly():
    clips = tuple(Clip(f"{i}.mp4", "ab"[i % 2]) for i in range(10))
    parts = stratified_parts(Annotations(clips, ("a", "b")), 3, seed=1)
    assert sorted(clip.path for part in parts for clip in part.clips) == sorted(clip.path for clip in clips)
    for part in parts:
        assert part.labels == ("a", "b")
        assert [clip.label for clip in part.clips].count("a") in (1, 2)
    assert parts == stratified_parts(Annotations(clips, ("a", "b")), 3, seed=1)
    assert parts != stratified_parts(Annotations(clips, ("a", "b")), 3, seed=2)
    with pytest.raises(ValueError, match=r"1 to 10 parts.*Received: parts=11"):
        stratified_parts(Annotations(clips, ("a", "b")), 11)
