"""Keep the chatter of converters and runtimes away from the user."""

import contextlib
import logging
import os
import sys
import warnings


@contextlib.contextmanager
def quiet():
    """Silence standard output and standard error, Python's and that of the C++ libraries below it.

    The libraries write to the file descriptors, so those are turned away, for the whole process and all its
    threads. Python's streams are turned away too, as they need not be these descriptors (in a notebook).
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
        logging.disable(logging.WARNING)  # of handlers that hold a stream of their own, as TensorFlow's in a notebook
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        # What was written by Python through an older reference to the streams must not come out later.
        originals = (sys.__stdout__, sys.__stderr__)
        stack.callback(lambda: [stream.flush() for stream in originals if stream and not stream.closed])
        yield


def _release(nowhere, stream):
    """Give a stream to the log handlers that were made meanwhile, and would else write to a closed file for good."""
    loggers = [logging.getLogger(), *map(logging.getLogger, list(logging.root.manager.loggerDict))]
    for handler in {handler for logger in loggers for handler in logger.handlers}:
        if getattr(handler, "stream", None) is nowhere:
            handler.setStream(stream)
