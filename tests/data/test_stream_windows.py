import pytest

from keras_action.data import Segment, cut_windows

TRUTH = [Segment("tick", 4, 5.2), Segment("star", 8, 12), Segment("tick", 12.2, 13.4), Segment("wave", 20, 22)]


def overlap(window, gesture):
    return max(0, min(window.end, gesture.end) - max(window.start, gesture.start))


@pytest.mark.parametrize("length", [1.0, 2.0, 3.0, 5.0])
def test_labels_say_what_a_window_shows(length):
    windows = cut_windows(TRUTH, 30.0, [length], windows_per_gesture=99, background_share=0.99)
    assert set(TRUTH) <= set(windows)
    windows = [window for window in windows if window not in TRUTH]
    assert windows == sorted(windows, key=lambda window: window.start)
    for window in windows:
        assert 0 <= window.start < window.end <= 30.0
        assert window.end - window.start == pytest.approx(length, abs=0.002)
        seen = [overlap(window, gesture) / (gesture.end - gesture.start) for gesture in TRUTH]
        if window.label == "none":
            assert max(seen) <= 0.26
        else:
            assert TRUTH[seen.index(max(seen))].label == window.label
            assert max(seen) >= 0.49 and sorted(seen)[-2] <= 0.26
    assert "none" in {window.label for window in windows}


def test_short_windows_do_not_stand_for_a_long_gesture():
    windows = cut_windows(TRUTH, 30.0, [1.0], windows_per_gesture=99)
    assert [window for window in windows if window.label == "star"] == [TRUTH[1]]


def test_how_many():
    windows = cut_windows(TRUTH, 30.0, [2.0, 3.0], windows_per_gesture=1, background_share=0.5)
    counts = {label: [window.label for window in windows].count(label) for label in ("tick", "star", "wave", "none")}
    assert counts["wave"] == 3  # itself, and one of each length
    assert counts["none"] == sum(counts.values()) / 2
    assert not [window for window in cut_windows(TRUTH, 30.0, [2.0], background_share=0) if window.label == "none"]
    assert cut_windows(TRUTH, 30.0, [2.0], windows_per_gesture=0, background_share=0) == TRUTH


def test_the_seed_gives_the_windows():
    assert cut_windows(TRUTH, 30.0, [2.0], seed=3) == cut_windows(TRUTH, 30.0, [2.0], seed=3)
    assert cut_windows(TRUTH, 30.0, [2.0], seed=3) != cut_windows(TRUTH, 30.0, [2.0], seed=4)


def test_a_stream_without_gestures_or_shorter_than_a_window():
    assert cut_windows([], 1.0, [2.0]) == []
    assert {window.label for window in cut_windows([], 30.0, [2.0], background_share=0.9, background="rest")} <= {
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
        cut_windows(**{"truth": TRUTH, "duration": 30.0, "lengths": [2.0], **options})
