import dataclasses
import json

import numpy as np
import pytest

from keras_action.recognition import EventSettings

OTHERS = EventSettings(
    **{"smoothing": 0.5, "smoothing_kind": "exponential", "on_threshold": 0.9, "off_threshold": 0.4, "margin": 0.1},
    **{"min_duration": 0.2, "merge_gap": 0.7, "refractory": 1.0, "firing": "early", "ignore": ("none", "rest")},
    **{"window_seconds": (1.5, 3.0), "stride": 0.1},
)


@pytest.mark.parametrize("settings", [EventSettings(), OTHERS], ids=["defaults", "others"])
def test_what_is_saved_is_loaded(settings, tmp_path):
    settings.save(tmp_path / "events.json")
    assert EventSettings.load(tmp_path / "events.json") == settings
    assert EventSettings.from_dict(settings.to_dict()) == settings


def test_fields_that_a_file_lacks_have_their_defaults(tmp_path):
    (tmp_path / "events.json").write_text('{"on_threshold": 0.8}')
    assert EventSettings.load(tmp_path / "events.json") == EventSettings(on_threshold=0.8)


def test_numbers_of_numpy_go_into_json():
    settings = EventSettings(on_threshold=np.float32(0.75), window_seconds=np.array([2.0, 1.0]))
    assert json.loads(json.dumps(settings.to_dict()))["window_seconds"] == [1.0, 2.0]


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
        ({"on_threshold": 0.3}, "the off threshold at most the on threshold"),
        ({"off_threshold": -0.1}, "off_threshold=-0.1"),
        ({"margin": 2}, "Received: margin=2"),
        ({"margin": True}, "Received: margin=True"),
        ({"firing": "soon"}, "one of .*Received: firing='soon'"),
        ({"smoothing_kind": "median"}, "Received: smoothing_kind='median'"),
        ({"window_seconds": ()}, "at least one. Received: \\(\\)"),
        ({"window_seconds": (1, 0)}, "positive numbers of seconds"),
        ({"stride": 0}, "Received: stride=0"),
    ],
)
def test_wrong_fields(fields, message):
    with pytest.raises(ValueError, match=message):
        EventSettings(**fields)


@pytest.mark.parametrize(
    "content", ["", "[]", "no json", '{"threshold": 1}', '{"margin": -1}', '{"ignore": 1}', "\xff"]
)
def test_files_that_hold_no_settings(content, tmp_path):
    path = tmp_path / "events.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ValueError, match=r"events\.json is no file of event settings: "):
        EventSettings.load(path)


def test_settings_for_windows():
    settings = EventSettings.for_windows([3.0, 1.0])
    assert settings.window_seconds == (1.0, 3.0)
    assert (settings.smoothing, settings.wait, settings.on_threshold) == pytest.approx((0.5, None, 0.5))
    assert EventSettings.for_windows([3.0, 1.0], smoothing=0, on_threshold=0.3).off_threshold == 0.3
    assert EventSettings.for_windows([3.0, 1.0], wait=0.1, off_threshold=0.2).wait == 0.1
    with pytest.raises(ValueError, match="positive numbers of seconds"):
        EventSettings.for_windows([1.0, 0])
