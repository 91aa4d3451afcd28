import dataclasses
import json

import numpy as np
import pytest

from keras_action.recognition import EventSettings, WindowEventSettings, load_settings

OTHERS = EventSettings(
    **{"smoothing": 0.5, "smoothing_kind": "exponential", "on_threshold": 0.9, "off_threshold": 0.4, "margin": 0.1},
    **{"min_duration": 0.2, "merge_gap": 0.7, "refractory": 1.0, "firing": "early", "ignore": ("none", "rest")},
    **{"window_seconds": (1.5,), "stride": 0.1},
)
WINDOWS = WindowEventSettings.for_windows((1.5, 3.0), wait=1.0, max_overlap=0.1, stride=0.1)


@pytest.mark.parametrize("settings", [EventSettings(), OTHERS, WindowEventSettings(), WINDOWS])
def test_what_is_saved_is_loaded(settings, tmp_path):
    settings.save(tmp_path / "events.json")
    assert load_settings(tmp_path / "events.json") == settings
    assert type(settings).load(tmp_path / "events.json") == settings
    assert type(settings).from_dict(settings.to_dict()) == settings


def test_fields_that_a_file_lacks_have_their_defaults(tmp_path):
    (tmp_path / "events.json").write_text('{"on_threshold": 0.8}')
    assert load_settings(tmp_path / "events.json") == EventSettings(on_threshold=0.8)
    (tmp_path / "events.json").write_text('{"window_seconds": [1, 2]}')
    assert load_settings(tmp_path / "events.json") == WindowEventSettings(window_seconds=(1.0, 2.0))


def test_numbers_and_texts_of_numpy_go_into_json(tmp_path):
    numbers = {"on_threshold": 0.75, "stride": 0.5, "smoothing": 1, "margin": 0.25, "refractory": 2}
    fields = {name: np.float32(value) for name, value in numbers.items()} | {"ignore": np.array(["none", "rest"])}
    for cls, lengths in ((EventSettings, np.float32(2)), (WindowEventSettings, np.array([2.0, 1.0]))):
        path = cls(**fields, window_seconds=lengths, firing=np.str_("early")).save(tmp_path / "events.json")
        expected = cls(**numbers, ignore=("none", "rest"), window_seconds=lengths.tolist(), firing="early")
        assert cls.load(path) == expected
    assert WindowEventSettings(wait=np.int64(1)).to_dict()["wait"] == 1.0
    assert json.loads(path.read_text())["window_seconds"] == [1.0, 2.0]


def test_settings_do_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        EventSettings().margin = 0.5


def test_times_go_with_the_length_of_clips():
    settings = EventSettings.for_clips(2.0, min_duration=0.1, on_threshold=0.9)
    assert (settings.smoothing, settings.min_duration, settings.on_threshold) == (0.75, 0.1, 0.9)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"smoothing": -1}, "Received: smoothing=-1"),
        ({"min_duration": float("nan")}, "Received: min_duration=nan"),
        ({"merge_gap": "1"}, "Received: merge_gap='1'"),
        ({"refractory": float("inf")}, "Received: refractory=inf"),
        ({"on_threshold": 1.1}, "Received: on_threshold=1.1"),
        ({"on_threshold": 0.3}, "`off_threshold` must be at most"),
        ({"off_threshold": -0.1}, "Received: off_threshold=-0.1"),
        ({"margin": 2}, "Received: margin=2"),
        ({"margin": True}, "Received: margin=True"),
        ({"firing": "soon"}, "one of .*Received: firing='soon'"),
        ({"smoothing_kind": "median"}, "Received: smoothing_kind='median'"),
        ({"window_seconds": ()}, "at least one. Received: \\(\\)"),
        ({"window_seconds": (1, 0)}, "positive numbers of seconds"),
        ({"window_seconds": (1, 2)}, "several lengths need `WindowEventSettings`"),
        ({"stride": 0}, "Received: stride=0"),
        ({"stride": "1"}, "Received: stride='1'"),
        ({"ignore": ("none", 1)}, "names of labels. Received: ignore="),
    ],
)
def test_wrong_fields(fields, message):
    with pytest.raises(ValueError, match=message):
        EventSettings(**fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"wait": -1}, "Received: wait=-1"),
        ({"max_overlap": 2}, "Received: max_overlap=2"),
        ({"smoothing": -1}, "Received: smoothing=-1"),
    ],
)
def test_wrong_fields_of_windows(fields, message):
    with pytest.raises(ValueError, match=message):
        WindowEventSettings(**fields)


@pytest.mark.parametrize(
    "content", ["", "[]", "no json", '{"threshold": 1}', '{"margin": -1}', '{"ignore": 1}', "\xff"]
)
def test_files_that_hold_no_settings(content, tmp_path):
    path = tmp_path / "events.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ValueError, match=r"events\.json does not contain event settings: "):
        load_settings(path)


def test_settings_for_windows():
    settings = WindowEventSettings.for_windows([3.0, 1.0])
    assert settings.window_seconds == (1.0, 3.0)
    assert (settings.smoothing, settings.wait, settings.on_threshold) == pytest.approx((0.5, None, 0.5))
    assert settings.default_wait((1.0, 3.0)) == 2.5
    assert WindowEventSettings.for_windows([3.0, 1.0], wait=0.1).wait == 0.1
    with pytest.raises(ValueError, match="positive numbers of seconds"):
        WindowEventSettings.for_windows([1.0, 0])


def test_another_threshold():
    assert EventSettings().with_on_threshold(0.4) == EventSettings(on_threshold=0.4, off_threshold=0.4)
    assert EventSettings().with_on_threshold(0.9) == EventSettings(on_threshold=0.9)
    assert WindowEventSettings().with_on_threshold(0.4) == WindowEventSettings(on_threshold=0.4)
