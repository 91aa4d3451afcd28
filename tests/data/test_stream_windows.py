import pytest

from keras_action.data import Interval, sample_windows

TRUTH = [Interval("tick", 4, 5.2), Interval("star", 8, 12), Interval("tick", 12.2, 13.4), Interval("wave", 20, 22)]


def iou(window, gesture):
    common = max(0, min(window.end, gesture.end) - max(window.start, gesture.start))
    return common / (window.end - window.start + gesture.end - gesture.start - common)


@pytest.mark.parametrize("length", [1.0, 2.0, 3.0, 5.0])
def test_labels_say_what_a_window_shows(length):
    windows = sample_windows(TRUTH, 30.0, [length], windows_per_gesture=99, background_share=0.99)
    assert set(TRUTH) <= set(windows)
    windows = [window for window in windows if window not in TRUTH]
    assert windows == sorted(windows, key=lambda window: window.start)
    for window in windows:
        assert 0 <= window.start < window.end <= 30.0
        assert window.end - window.start == pytest.approx(length, abs=0.002)
        shares = [iou(window, gesture) for gesture in TRUTH]
        if window.label == "none":
            assert max(shares) <= 0.301
        else:
            assert TRUTH[shares.index(max(shares))].label == window.label
            assert max(shares) >= 0.499
    assert len(windows) > 10
    assert len({window.label for window in windows}) > 1


def test_a_part_of_a_gesture_is_left_out_and_a_short_one_in_a_long_window_is_background():
    short = sample_windows(TRUTH, 30.0, [1.0], windows_per_gesture=99, background_share=0.99)
    star = TRUTH[1]
    assert [window for window in short if window.label == "star"] == [star]
    assert not [window for window in short if star.start - 0.4 < window.start < star.end - 0.6 and window != star]
    long = sample_windows(TRUTH, 30.0, [5.0], windows_per_gesture=99, background_share=0.99)
    inside = [window for window in long if window.start < 4 and 5.2 < window.end < 8.5]
    assert inside and {window.label for window in inside} == {"none"}


def test_how_many():
    windows = sample_windows(TRUTH, 30.0, [2.0, 3.0], windows_per_gesture=1, background_share=0.5)
    counts = {label: [window.label for window in windows].count(label) for label in ("tick", "star", "wave", "none")}
    assert counts["wave"] == 3  # itself, and one of each length
    assert counts["none"] == sum(counts.values()) / 2
    assert not [window for window in sample_windows(TRUTH, 30.0, [2.0], background_share=0) if window.label == "none"]
    assert sample_windows(TRUTH, 30.0, [2.0], windows_per_gesture=0, background_share=0) == TRUTH


def test_the_seed_gives_the_windows():
    assert sample_windows(TRUTH, 30.0, [2.0], seed=3) == sample_windows(TRUTH, 30.0, [2.0], seed=3)
    assert sample_windows(TRUTH, 30.0, [2.0], seed=3) != sample_windows(TRUTH, 30.0, [2.0], seed=4)


def test_a_stream_without_gestures_or_shorter_than_a_window():
    assert sample_windows([], 1.0, [2.0]) == []
    assert {window.label for window in sample_windows([], 30.0, [2.0], background_share=0.9, background="rest")} <= {
        "rest"
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lengths": []}, r"at least one. Received: lengths=\(\)"),
        ({"lengths": [1, 0]}, r"Received: lengths=\(1, 0\)"),
        ({"background_share": 1}, "background_share=1"),
        ({"windows_per_gesture": -1}, "windows_per_gesture=-1"),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        sample_windows(**{"truth": TRUTH, "duration": 30.0, "lengths": [2.0], **options})
