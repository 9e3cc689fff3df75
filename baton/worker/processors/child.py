"""The other interpreter: calls one callable, and says what became of it.

A file of its own that needs the standard library and nothing else: it is started by its path in any
Python from 3.6 on, and in 2.7, with or without Baton, and so it has the syntax of all of these.
What it is to do comes as a line of JSON over the descriptor that its argument names, and what it
answers goes back there. Whatever the callable prints is output, for people.
"""

import sys

if __name__ == "__main__":
    del sys.path[0]  # the folder of this file, whose modules are not for the callable to find

import errno
import fcntl
import importlib
import inspect
import json
import os
import time
import traceback
import types

MYPY = False
if MYPY:
    from collections.abc import Callable
    from typing import Any

MAX_ANSWER = 1000000
"""Bytes of an answer, at most."""
_MAX_REASON = 2000
_TEXT = b"%s".decode("ascii")  # Python 2 has two kinds of texts; this one takes both


class Fields(object):
    """Fields are what a part of a build request holds, by name. They can only be read."""

    def __init__(self, fields):
        # type: (dict[str, Any]) -> None
        object.__setattr__(self, "_fields", fields)

    def __getattr__(self, name):
        # type: (str) -> Any
        if name.startswith("_") or name not in self._fields:
            raise AttributeError("the build request has no %s here" % name)
        return _readable(self._fields[name])

    def __setattr__(self, name, value):
        # type: (str, object) -> None
        raise AttributeError("a build request cannot be changed")

    def __delattr__(self, name):
        # type: (str) -> None
        raise AttributeError("a build request cannot be changed")

    def __repr__(self):
        # type: () -> str
        return "<%s: %s>" % (type(self).__name__, ", ".join(sorted(self._fields)))


class BuildRequest(Fields):
    """A build request is what PyBit sends, made from plain values. What is not there is None."""

    def __init__(self, fields):
        # type: (dict[str, Any]) -> None
        Fields.__init__(self, fields)
        object.__setattr__(self, "_stamp", fields.get("timestamp"))

    def __getattr__(self, name):
        # type: (str) -> Any
        if name in ("job", "transport", "web_host", "commands") and name not in self._fields:
            return None
        return self._stamp if name == "timestamp" else Fields.__getattr__(self, name)

    def plain(self):
        # type: () -> dict[str, Any]
        """Return all of it as plain values."""
        return dict(self._fields, timestamp=self._stamp)

    def get_job_id(self):
        # type: () -> Any
        """Return the id of the job."""
        return self._at("job", "id")

    def get_package(self):
        # type: () -> Any
        """Return the name of the package."""
        return self._at("job", "packageinstance", "package", "name")

    def get_version(self):
        # type: () -> Any
        """Return the version of the package."""
        return self._at("job", "packageinstance", "package", "version")

    def get_arch(self):
        # type: () -> Any
        """Return the name of the architecture."""
        return self._at("job", "packageinstance", "arch", "name")

    def get_suite(self):
        # type: () -> Any
        """Return the name of the suite."""
        return self._at("job", "packageinstance", "suite", "name")

    def get_dist(self):
        # type: () -> Any
        """Return the name of the distribution."""
        return self._at("job", "packageinstance", "distribution", "name")

    def get_format(self):
        # type: () -> Any
        """Return the name of the format."""
        return self._at("job", "packageinstance", "format", "name")

    def get_buildenv(self):
        # type: () -> Any
        """Return the name of the build environment."""
        return self._at("job", "packageinstance", "build_env", "name")

    def stamp_request(self):
        # type: () -> Any
        """Stamp it with the time of now; return that."""
        object.__setattr__(self, "_stamp", int(time.time()))
        return self._stamp

    def get_buildstamp(self):
        # type: () -> Any
        """Return when it was stamped, in seconds since 1970; None if it never was."""
        return self._stamp

    def _at(self, *path):
        # type: (str) -> Any
        found = self._fields
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        return found


def _readable(value):
    # type: (Any) -> Any
    if isinstance(value, dict):
        return Fields(value)
    return tuple([_readable(one) for one in value]) if isinstance(value, list) else value


def make_rbit(failed, blocked):
    # type: (type[Exception], type[Exception]) -> types.ModuleType
    """Return the module `rbit`, whose two exceptions are these."""
    module = types.ModuleType("rbit", "What runners that were written for rbit import: Baton's.")
    module.Failed = failed  # type: ignore[attr-defined]
    module.Blocked = blocked  # type: ignore[attr-defined]
    return module


def load(target):
    # type: (str) -> Any
    """Return what `package.module:name` names."""
    module, _, path = target.partition(":")
    found = importlib.import_module(module)  # type: Any
    for name in path.split("."):
        found = getattr(found, name)
    return found


def kind_of(function):
    # type: (Any) -> tuple[str, str]
    """Return whether calls are awaited (`async`) or not (`sync`), and how settings are given to it:
    `positional`, `keyword`, or `none` if it takes the build request alone.

    Raises TypeError if it can be called in none of these ways.
    """
    if not callable(function):
        raise TypeError("it is a %s, which cannot be called" % type(function).__name__)
    is_async = getattr(inspect, "iscoroutinefunction", lambda _: False)
    awaited = is_async(function) or is_async(getattr(type(function), "__call__", None))
    return "async" if awaited else "sync", _how(function)


def _how(function):
    # type: (Callable[..., object]) -> str
    if not hasattr(inspect, "signature"):
        return "positional"  # Python 2 tells it of functions alone
    try:
        signature = inspect.signature(function)
    except ValueError:
        return "positional"  # it is built in
    for how, words, named in (
        ("positional", (None, None), {}),
        ("keyword", (None,), {"settings": None}),
        ("none", (None,), {}),
    ):  # type: str, tuple[None, ...], dict[str, None]
        try:
            signature.bind(*words, **named)
        except TypeError:
            continue
        return how
    raise TypeError("it takes %s, and is called with (build_request, settings)" % signature)


def call(function, how, build, settings):
    # type: (Callable[..., Any], str, object, object) -> Any
    """Call `function`, in the way of `kind_of`."""
    if how == "positional":
        return function(build, settings)
    return function(build, settings=settings) if how == "keyword" else function(build)


def paths_of(returned):
    # type: (Any) -> list[str]
    """Return the paths that a callable returned. Raises TypeError if it returned anything else."""
    if returned is None:
        return []
    if not isinstance(returned, (list, tuple)):
        raise TypeError("it returned %s, not a list of absolute paths" % _described(returned))
    paths = []
    for one in returned:
        path = one.__fspath__() if hasattr(one, "__fspath__") else one
        if not isinstance(path, (str, type(""), type(b"".decode()))):
            raise TypeError("its list of absolute paths holds %s" % _described(one))
        paths.append(path)
    return paths


def _described(value):
    # type: (object) -> str
    kind = type(value).__name__
    return ("an " if kind[:1].lower() in "aeiou" else "a ") + kind


def said_by(error):
    # type: (BaseException) -> str
    """Return the type and the text of an exception, on one line."""
    text = _text_of(error)
    name = type(error).__name__
    return ": ".join((name, text)) if text else name


def _text_of(error):
    # type: (BaseException) -> str
    try:
        text = _TEXT % error  # type: Any
    except UnicodeDecodeError:  # Python 2, and bytes
        text = str(error)
        text = text.decode("utf-8", "replace")
    except Exception:
        text = "its text cannot be made"
    return " ".join(text.split())[:_MAX_REASON]


def _answer(order, failed, blocked):
    # type: (dict[str, Any], type[Exception], type[Exception]) -> dict[str, Any]
    """Do what `order` says; return the answer."""
    try:
        function = load(order["target"])
        kind, how = kind_of(function)
    except BaseException as error:
        _show(error)
        return {"unusable": said_by(error)}
    if "build" not in order:
        return {"kind": kind, "how": how}
    try:
        returned = call(function, how, BuildRequest(order["build"]), order["settings"])
        if kind == "async":
            returned = _awaited(returned)
    except BaseException as error:
        return _ended_by(error, failed, blocked)
    try:
        return {"artifacts": paths_of(returned)}
    except TypeError as error:
        return {"error": "%s" % error}


def _awaited(returned):
    # type: (Any) -> Any
    import asyncio

    loop = asyncio.new_event_loop()
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(returned)
    finally:
        loop.close()


def _ended_by(error, failed, blocked):
    # type: (BaseException, type[Exception], type[Exception]) -> dict[str, Any]
    ours = sys.modules.get("baton.errors")
    for name, kinds in (
        ("failed", (failed, getattr(ours, "Failed", failed))),
        ("blocked", (blocked, getattr(ours, "Blocked", blocked))),
        ("refused", getattr(ours, "Refused", ())),
    ):  # type: str, Any
        if isinstance(error, kinds):
            return {name: _text_of(error)}
    if isinstance(error, SystemExit):
        return {"error": "it called sys.exit(%s), and returned nothing" % (error.code,)}
    _show(error)
    return {"error": said_by(error)}


def _show(error):
    # type: (BaseException) -> None
    """Print the trace of an exception, from the first frame that is not of this file."""
    trace = sys.exc_info()[2]
    while trace and trace.tb_next and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    try:
        traceback.print_exception(type(error), error, trace)
    except Exception:
        pass  # whatever it has done to its output


def _flush():
    # type: () -> None
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            pass  # it has closed it


def main(descriptor):
    # type: (int) -> None
    """Read the order from `descriptor`, carry it out, and answer there."""
    fcntl.fcntl(descriptor, fcntl.F_SETFD, fcntl.FD_CLOEXEC)  # what the callable starts has no part
    me = os.getpid()
    read = b""
    while not read.endswith(b"\n"):
        piece = os.read(descriptor, 65536)
        if not piece:
            return  # whoever started this is gone
        read += piece
    failed = type("Failed", (Exception,), {"__module__": "rbit"})
    blocked = type("Blocked", (Exception,), {"__module__": "rbit"})
    sys.modules["rbit"] = make_rbit(failed, blocked)
    answer = _answer(json.loads(read.decode("utf-8")), failed, blocked)
    _flush()
    if os.getpid() != me:
        os._exit(0)  # a copy that the callable made of this process: only the first one answers
    line = json.dumps(answer)
    if len(line) >= MAX_ANSWER:
        line = json.dumps({"error": "it returned more than %d bytes of paths" % MAX_ANSWER})
    _send(descriptor, line.encode("ascii") + b"\n")
    os.close(descriptor)


def _send(descriptor, line):
    # type: (int, bytes) -> None
    try:
        while line:
            line = line[os.write(descriptor, line) :]
    except OSError as error:
        if error.errno != errno.EPIPE:
            raise  # else nobody waits for it any more


if __name__ == "__main__":
    main(int(sys.argv[1]))
