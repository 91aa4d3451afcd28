"""Silences the messages of converters and runtimes."""

import contextlib
import logging
import os
import sys
import warnings


@contextlib.contextmanager
def silenced_output():
    """Silences standard output and standard error, of Python and of C++ libraries.

    The libraries write to the file descriptors, so that these are redirected, for all threads of the process. Python's
    streams are redirected too: in a notebook they are not these descriptors.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    with contextlib.ExitStack() as stack:
        nowhere = stack.enter_context(open(os.devnull, "w"))
        for descriptor in (1, 2):
            saved = os.dup(descriptor)
            stack.callback(os.close, saved)
            stack.callback(os.dup2, saved, descriptor)
            os.dup2(nowhere.fileno(), descriptor)
        stack.callback(_release, nowhere, sys.stderr)
        stack.enter_context(contextlib.redirect_stdout(nowhere))
        stack.enter_context(contextlib.redirect_stderr(nowhere))
        stack.callback(logging.disable, logging.root.manager.disable)
        logging.disable(logging.WARNING)  # handlers may have streams of their own, as TensorFlow's in a notebook
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        # What Python wrote to older references of the streams must not appear later.
        originals = (sys.__stdout__, sys.__stderr__)
        stack.callback(lambda: [stream.flush() for stream in originals if stream and not stream.closed])
        yield


def _release(nowhere, stream):
    """Gives a stream to the log handlers that were created in the meantime, as theirs is about to be closed."""
    loggers = [logging.getLogger(), *map(logging.getLogger, list(logging.root.manager.loggerDict))]
    for handler in {handler for logger in loggers for handler in logger.handlers}:
        if getattr(handler, "stream", None) is nowhere:
            handler.setStream(stream)
