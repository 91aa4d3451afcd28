"""Running one function for many items: on the cores of this machine, or on many machines with Apache Beam."""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import types
from concurrent.futures import ProcessPoolExecutor, as_completed

from keras_action.utils.lazy import tensorflow as tf
from keras_action.utils.optional_import import optional_import


def run_on_cores(function, items, workers=None, initializer=None):
    """Calls a function for each item, in worker processes.

    Args:
        function: A function of one argument that can be pickled, of a module that can be imported: the processes do not
            import the program itself.
        items: A list.
        workers: Number of processes; `None` for one per core. With 1 the calls are made in this process.
        initializer: A function without arguments that each worker process calls first, or `None`.

    Yields:
        The results, in the order in which they are ready. If the generator is closed, or a call fails, the processes
        are ended at once.
    """
    workers = min(_num_cores() if workers is None else workers, len(items))
    if workers <= 1:
        yield from map(function, items)
        return
    others = set(multiprocessing.active_children())
    # Not fork: TensorFlow's threads do not survive it.
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(workers, context, initializer=_begin_worker, initargs=(initializer,))
    try:
        with _without_main_module():
            futures = [executor.submit(function, item) for item in items]
        for future in as_completed(futures):
            yield future.result()
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
            process.join()
        raise
    executor.shutdown()


@contextlib.contextmanager
def _without_main_module():
    """Processes that are started within do not import the program that started them.

    So a script needs no `if __name__ == "__main__":`, and may come from standard input.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def run_on_beam(function, items, options):
    """Calls a function for each item, as an Apache Beam pipeline.

    Args:
        function: A function of one argument that can be pickled.
        items: A list.
        options: Options of the pipeline, a list as on a command line: `["--runner=FlinkRunner", …]`.
    """
    with optional_import("Work on many machines", "Apache Beam", "'keras_action[beam]'"):
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions
    with beam.Pipeline(options=PipelineOptions(options)) as pipeline:
        _ = pipeline | beam.Create(items) | beam.Reshuffle() | beam.Map(function)


def _num_cores():
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count()


def hide_gpus():
    """Hides the GPUs from TensorFlow: each worker process would take all of their memory."""
    tf.config.set_visible_devices([], "GPU")


def _begin_worker(initializer):
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if initializer is not None:
        initializer()


def _end_with_parent():
    # Workers of a killed parent must not write beside those of the resumed run.
    multiprocessing.parent_process().join()
    os._exit(1)
