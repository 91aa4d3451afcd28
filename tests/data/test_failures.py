import warnings

import pytest

from keras_action.data import Clip, FailureLog, TooManyFailuresError


def test_failure_log():
    log = FailureLog(max_share=0.25, total=8)
    assert log.summary() == "All clips that were read could be decoded."
    with pytest.warns(UserWarning, match="a.mp4: gone"):
        log.add(Clip("a.mp4", "x", 0.0, 1.0), "a.mp4: gone")
    with warnings.catch_warnings(action="error"):  # one warning a file
        log.add(Clip("a.mp4", "x", 0.0, 1.0), "a.mp4: gone")
        log.add(Clip("a.mp4", "x", 1.0, 2.0), "a.mp4: gone")
    assert len(log) == 2
    with pytest.warns(UserWarning), pytest.raises(TooManyFailuresError, match=r"25% of 8 clips(?s:.*)b\.mp4"):
        log.add(Clip("b.mp4", "x"), OSError("b.mp4: damaged"))
    assert log.summary(limit=1).endswith("… and 2 more")


@pytest.mark.parametrize("max_share", [-0.1, 1.1])
def test_bad_share(max_share):
    with pytest.raises(ValueError, match="Received: max_share"):
        FailureLog(max_share=max_share)
