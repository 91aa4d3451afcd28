import numpy as np
import pytest
from PIL import Image

from keras_action.data import write_video


def squares(count):
    frames = np.zeros((count, 20, 31, 3), "uint8")
    for t, frame in enumerate(frames):
        frame[5:9, t % 20 : t % 20 + 4] = (250, 20, 30)
    return frames


@pytest.mark.parametrize(("ending", "milliseconds"), [("gif", 80), ("webp", 83)])
@pytest.mark.parametrize("count", [1, 3, 70])
def test_holds_all_frames(tmp_path, count, ending, milliseconds):
    frames, path = squares(count), tmp_path / "new" / f"a.{ending}"
    assert write_video(path, iter(frames), fps=12) == count
    with Image.open(path) as picture:
        assert picture.n_frames == count
        for t, frame in enumerate(frames):
            picture.seek(t)
            picture.load()
            difference = np.abs(np.asarray(picture.convert("RGB")).astype(int) - frame)
            assert difference.max() < 8 if ending == "gif" else difference.mean() < 4
            if count > 1:
                assert picture.info["duration"] == milliseconds and picture.info["loop"] == 0


def test_nothing_is_left_of_a_failure(tmp_path):
    def frames():
        yield from squares(3)
        raise RuntimeError("camera")

    with pytest.raises(RuntimeError, match="camera"):
        write_video(tmp_path / "a.webp", frames())
    with pytest.raises(ValueError, match="at least one frame"):
        write_video(tmp_path / "a.gif", [])
    with pytest.raises(ValueError, match=r"float64 of shape \(2, 2, 3\)"):
        write_video(tmp_path / "a.gif", [np.zeros((2, 2, 3))])
    assert not list(tmp_path.iterdir())
