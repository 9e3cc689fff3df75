"""A RabbitMQ of our own for one test session: no root, no service, no plugins, loopback only.

Orders go to it through a small Erlang node that stays connected: `rabbitmqctl` is slow to start.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.guard import Guarded
from tests.support.ports import free_port, listening

_PLACES = (
    "/usr/lib/rabbitmq/bin",
    "/opt/homebrew/opt/rabbitmq/sbin",
    "/usr/local/opt/rabbitmq/sbin",
)
_NODE = "rabbit@localhost"
_CONFIG = """\
listeners.tcp.1 = 127.0.0.1:{port}
default_user = baton
default_pass = baton
disk_free_limit.absolute = 1MB
raft.wal_max_size_bytes = 67108864
log.console = false
log.file.level = info
"""
# Reads a mark and an expression a line, evaluates it in the broker and prints, in a line of its own
# that begins with the mark, what came of it. Other lines are not answers: a process of the broker
# that we started complains here, when it fails and also when the broker ends under it.
_RELAY = """
Loop = fun Loop() ->
    case io:get_line("") of
        eof -> halt();
        Line ->
            [Mark, Expression] = string:split(Line, " "),
            {ok, Tokens, _} = erl_scan:string(Expression),
            {ok, Forms} = erl_parse:parse_exprs(Tokens),
            io:format("~n~ts ~0tp~n", [Mark, rpc:call('%s', erl_eval, exprs, [Forms, []])]),
            Loop()
    end
end,
Loop().
""".replace("%s", _NODE)


class Broker:
    """RabbitMQ on 127.0.0.1:`port`; `start` it first. What it holds survives `stop` and `kill`."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="baton-mq-"))
        self.port = free_port()
        self._bin = _programs()
        self._env = self._prepare()
        self._log = self.folder / "output.log"
        epmd = shutil.which("epmd", path=self._env["PATH"])
        if epmd is None:
            raise RuntimeError("epmd, a part of Erlang, was not found")
        self._epmd = Guarded(
            [epmd, "-address", "127.0.0.1"], log=self._log, env=self._env, remove=self.folder
        )
        self._server: Guarded | None = None
        self._relay: subprocess.Popen[str] | None = None
        self._relay_lock = threading.Lock()

    # its life

    @property
    def running(self) -> bool:
        """Is it there?"""
        return self._server is not None and self._server.running

    async def start(self) -> None:
        """Start it on the same port, with what it held."""
        await asyncio.to_thread(self.start_now)

    async def stop(self) -> None:
        """Stop it as a service manager would: connections are closed with a reason."""
        await asyncio.to_thread(self._end, signal.SIGTERM)

    async def kill(self) -> None:
        """Kill it, as a power cut would."""
        await asyncio.to_thread(self._end, signal.SIGKILL)

    def start_now(self) -> None:
        """`start` for plain functions. Raises RuntimeError, with the log's end, if it fails."""
        if self.running:
            return
        if self._server is not None:
            self._server.end()
        server = self._server = Guarded(
            [self._bin / "rabbitmq-server"], log=self._log, env=self._env, cwd=self.folder
        )
        deadline = time.monotonic() + 60
        while not listening(self.port):
            if not server.running or time.monotonic() > deadline:
                raise RuntimeError(f"RabbitMQ did not start:\n{self.log()[-4000:]}")
            time.sleep(0.05)
        # It listens a moment before it has finished booting.
        while not self._ask("rabbit:is_running().").startswith("{value,true,"):
            if time.monotonic() > deadline:
                raise RuntimeError(f"RabbitMQ did not finish starting:\n{self.log()[-4000:]}")
            time.sleep(0.05)

    def close(self) -> None:
        """End it for good, with all its processes and files."""
        if self._server is not None:
            self._server.end()
        if self._relay is not None:
            self._relay.kill()
            self._relay.communicate()
        self._epmd.end()

    def _end(self, number: int) -> None:
        if self._server is not None:
            self._server.signal(number)

    # orders

    def vhost(self) -> str:
        """The URL of a new, empty virtual host."""
        name = f"t{secrets.token_hex(6)}"
        self.eval(
            f'ok = rabbit_vhost:add(<<"{name}">>, <<"baton">>), '
            "ok = rabbit_auth_backend_internal:set_permissions("
            f'<<"baton">>, <<"{name}">>, <<".*">>, <<".*">>, <<".*">>, <<"baton">>).'
        )
        return f"amqp://baton:baton@127.0.0.1:{self.port}/{name}"

    def grant(self, url: str, configure: str, write: str, read: str) -> None:
        """Give the user of `url` these rights in its virtual host, instead of all others."""
        parts = urlsplit(url)
        self.eval(
            "ok = rabbit_auth_backend_internal:set_permissions("
            + ", ".join(
                _binary(text) for text in (parts.username, parts.path[1:], configure, write, read)
            )
            + ', <<"test">>).'
        )

    def grant_topic(self, url: str, exchange: str, write: str, read: str) -> None:
        """Give the user of `url` these rights to the routing keys of `exchange`."""
        parts = urlsplit(url)
        self.eval(
            "ok = rabbit_auth_backend_internal:set_topic_permissions("
            + ", ".join(
                _binary(text) for text in (parts.username, parts.path[1:], exchange, write, read)
            )
            + ', <<"test">>).'
        )

    def user(self, url: str, name: str) -> str:
        """`url` for a user called `name`, who has no right yet; the password is the name."""
        given = ", ".join((_binary(name), _binary(name), '<<"test">>'))
        self.eval(
            # it may be there, from another test, and with another password
            f"catch rabbit_auth_backend_internal:add_user({given}), "
            f"rabbit_auth_backend_internal:change_password({given})."
        )
        parts = urlsplit(url)
        return f"amqp://{name}:{name}@{parts.hostname}:{parts.port}{parts.path}"

    def drop(self, url: str) -> None:
        """Remove the virtual host of `url`, soon; whoever is connected to it is thrown out."""
        name = url.rpartition("/")[2]
        self.eval(f'spawn(fun() -> rabbit_vhost:delete(<<"{name}">>, <<"baton">>) end).')

    async def close_connections(self, reason: str = "closed by the test") -> None:
        """Throw out everybody who is connected, with CONNECTION_FORCED."""
        await asyncio.to_thread(
            self.eval,
            f'[catch rabbit_networking:close_connection(Pid, "{reason}") '
            "|| Pid <- rabbit_networking:connections()].",
        )

    async def memory_alarm(self, on: bool) -> None:
        """Raise or clear the memory alarm, which blocks who publishes, after the first message."""
        await asyncio.to_thread(self.memory_alarm_now, on)

    def memory_alarm_now(self, on: bool) -> None:
        """`memory_alarm` for plain functions."""
        order = (
            "set_alarm({{resource_limit, memory, node()}, []})"
            if on
            else "clear_alarm({resource_limit, memory, node()})"
        )
        # The order is only noted; a question to the same process is answered after it was obeyed.
        self.eval(f"rabbit_alarm:{order}, rabbit_alarm:get_alarms().")

    def connections(self) -> int:
        """How many clients are connected."""
        return int(self.eval("length(rabbit_networking:connections())."))

    def eval(self, expression: str) -> str:
        """The value of an Erlang `expression` in the broker, printed. Takes about a millisecond.

        Raises RuntimeError if it failed.
        """
        answer = self._ask(expression)
        if not answer.startswith("{value,"):
            raise RuntimeError(f"the broker answered {expression!r} with {answer!r}")
        return answer.removeprefix("{value,").rpartition(",")[0]

    def _ask(self, expression: str) -> str:
        with self._relay_lock:
            if self._relay is None:
                self._relay = self._start_relay()
            assert self._relay.stdin is not None
            assert self._relay.stdout is not None
            mark = secrets.token_hex(8)
            self._relay.stdin.write(f"{mark} {' '.join(expression.split())}\n")
            self._relay.stdin.flush()
            for line in self._relay.stdout:
                if line.startswith(f"{mark} "):
                    return line.removeprefix(f"{mark} ").strip()
            raise RuntimeError(f"the node that passes orders on ended at {expression!r}")

    async def ctl(self, *words: str) -> str:
        """What `rabbitmqctl WORDS` prints; takes one or two seconds. Raises CalledProcessError."""

        def call() -> str:
            return subprocess.run(
                [self._bin / "rabbitmqctl", "-q", *words],
                env=self._env,
                capture_output=True,
                text=True,
                check=True,
            ).stdout

        return await asyncio.to_thread(call)

    def log(self) -> str:
        """What the broker has written so far."""
        files = (self._log, self.folder / "broker.log")
        return "".join(file.read_text(errors="replace") for file in files if file.exists())

    # how it is set up

    def _prepare(self) -> dict[str, str]:
        home = self.folder
        cookie = home / ".erlang.cookie"
        cookie.write_text(secrets.token_hex(16))
        cookie.chmod(0o400)
        (home / "rabbitmq.conf").write_text(_CONFIG.format(port=self.port))
        (home / "rabbitmq-env.conf").touch()
        (home / "enabled_plugins").write_text("[].\n")
        own = {
            "HOME": str(home),
            "ERL_EPMD_PORT": str(free_port()),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": _NODE,
            "RABBITMQ_DIST_PORT": str(free_port()),
            "RABBITMQ_MNESIA_BASE": str(home / "data"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_CONFIG_FILES": str(home / "conf.d"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(home / "advanced.config"),
            "RABBITMQ_CONF_ENV_FILE": str(home / "rabbitmq-env.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "enabled_plugins"),
            "RABBITMQ_LOG_BASE": str(home),
            "RABBITMQ_LOGS": str(home / "broker.log"),
            "RABBITMQ_PID_FILE": str(home / "pid"),
            # Else a shell stays between us and the server, and we cannot know the server's id.
            "RUNNING_UNDER_SYSTEMD": "true",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }
        theirs = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("RABBITMQ_", "ERL_", "NOTIFY_"))
        }
        return theirs | own

    def _start_relay(self) -> subprocess.Popen[str]:
        erl = ["erl", "-noshell", "-hidden", "-sname", "relay@localhost", "-eval", _RELAY]
        return subprocess.Popen(
            [*erl[:-2], "-kernel", "inet_dist_use_interface", "{127,0,0,1}", *erl[-2:]],
            stdin=subprocess.PIPE,  # it ends when this closes, also if we are killed
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=self._env,
            text=True,
            start_new_session=True,
        )


def _binary(text: object) -> str:
    """`text` as an Erlang binary."""
    return "<<" + ", ".join(map(str, str(text).encode())) + ">>"


def _programs() -> Path:
    """The folder with the server's programs, without the wrappers that insist on a user."""
    found = shutil.which("rabbitmq-server")
    places = [*map(Path, _PLACES), *([Path(found).resolve().parent] if found else [])]
    for place in places:
        if (place / "rabbitmq-server").exists():
            return place
    raise RuntimeError("RabbitMQ is not installed (Debian: apt install rabbitmq-server)")
