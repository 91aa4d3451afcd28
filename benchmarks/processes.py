"""Functions in processes of their own."""

import multiprocessing


def in_one_line(function, *args):
    """Calls a function; an exception becomes a `RuntimeError` of one line, which any process can read."""
    try:
        return function(*args)
    except Exception as error:
        lines = [line.strip() for line in str(error).splitlines()]
        text = next((line for line in lines if line and not line.endswith("raised:")), "")
        raise RuntimeError(f"{type(error).__name__}: {text[:200]}".replace("|", "/")) from None


def alone(function, *args, limit=None):
    """The result of a function in a new process.

    Args:
        function: A function of a module, which is imported there.
        *args: Its arguments.
        limit: Seconds, or `None` for any time.

    Raises:
        TimeoutError: If it takes longer.
        RuntimeError: If it fails, or its process is killed.
    """
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(sender, function, args), daemon=True)
    process.start()
    sender.close()
    try:
        if not receiver.poll(None if limit is None else max(limit, 0)):
            raise TimeoutError("no time left")
        result, error = receiver.recv()
    except EOFError:
        raise RuntimeError("its process was killed") from None
    finally:
        process.kill()
        process.join()
    if error:
        raise RuntimeError(error)
    return result


def _answer(connection, function, args):
    try:
        connection.send((in_one_line(function, *args), None))
    except RuntimeError as error:
        connection.send((None, str(error)))
