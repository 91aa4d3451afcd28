import io
import logging
import os
import sys
import warnings

import pytest

from keras_action.litert.silence import silenced_output


def chatter():
    print("python")
    print("python error", file=sys.stderr)
    os.write(1, b"descriptor\n")
    os.write(2, b"descriptor error\n")
    warnings.warn("a warning", stacklevel=1)


def test_nothing_comes_through_and_all_comes_back(capfd):
    print("before")
    with silenced_output():
        chatter()
        with silenced_output():
            chatter()
        chatter()
    print("after")
    assert capfd.readouterr() == ("before\nafter\n", "")


def test_errors_come_through(capfd):
    with pytest.raises(RuntimeError, match="loud"), silenced_output():
        raise RuntimeError("loud")
    os.write(1, b"after\n")
    assert capfd.readouterr().out == "after\n"


def test_log_handlers_made_meanwhile_go_on_afterwards(capfd):
    logger = logging.getLogger("keras_action.tests.quiet")
    logger.propagate = False
    with silenced_output():
        logger.addHandler(logging.StreamHandler())
        logger.warning("hidden")
    logger.warning("shown")
    assert "shown" in capfd.readouterr().err


def test_log_handlers_with_a_stream_of_their_own_are_quiet_meanwhile():
    logger, stream = logging.getLogger("keras_action.tests.quiet.own"), io.StringIO()
    logger.addHandler(logging.StreamHandler(stream))
    with silenced_output():
        logger.warning("hidden")
    logger.warning("shown")
    assert stream.getvalue() == "shown\n"
