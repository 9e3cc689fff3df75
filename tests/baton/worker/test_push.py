"""A build request is put on a work queue from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from baton.agent.trust.trust import PUSH
from baton.bus.connect import connect
from baton.bus.exchanges import work_bindings, work_queue
from baton.bus.signing.header import SIGNATURE
from baton.bus.signing.key_ring import KeyRing
from baton.bus.signing.private_key import PrivateKey
from baton.errors import UsageError
from baton.worker.config.reading import read_signing_key
from baton.worker.push import NoSuchQueue, push
from baton.worker.pybit.build_request import BuildRequest, decode
from tests.bot.cli.program import WITHOUT_EXTRA, ran
from tests.support.queues import first_of

FIELDS = {"package": "m1", "version": "2.1", "uri": "http://src.example.com/m1", "arch": "any"}


async def test_what_is_pushed_arrives_as_pybit_would_send_it(amqp_url: str, tmp_path: Path) -> None:
    """Also where the packages of a bot are not installed; with a key it is signed."""
    channel = await connect(amqp_url, owner=True, worker=True)
    await channel.declare(work_queue("pdf"), work_bindings("pdf"))
    file = tmp_path / "worker.toml"
    file.write_text(f'[bus]\nurl = "{amqp_url}"\n')
    words = ("pdf", "m1", "2.1", "http://src.example.com/m1", "--platform", "desktop")
    more = ("--project", "acme", "--format", "epub", "--config", str(file))
    code, out, err = await ran("push", *words, *more, before=WITHOUT_EXTRA)
    assert (code, err) == (0, "")
    delivery = await first_of(channel, work_queue("pdf"))
    assert delivery is not None
    request = decode(delivery.envelope.body)
    assert isinstance(request, BuildRequest)
    assert out == f"pushed on pdf: job {request.get_job_id()}, m1 2.1\n"
    assert (request.get_package(), request.get_version()) == ("m1", "2.1")
    assert (request.get_arch(), request.get_dist()) == ("desktop", "acme")
    assert (request.get_suite(), request.get_format()) == ("latex", "epub")
    assert request.transport.uri == "http://src.example.com/m1"
    assert request.pushed["queue"] == "pdf"
    await delivery.ack()
    key = PrivateKey.new()
    key.save(tmp_path / "key")
    code, _, err = await ran("push", *words, *more, "--key", str(tmp_path / "key"))
    assert (code, err) == (0, "")
    delivery = await first_of(channel, work_queue("pdf"))
    assert delivery is not None
    envelope = delivery.envelope
    assert KeyRing([key.public]).doubt(PUSH, envelope.body, envelope.headers[SIGNATURE]) is None
    await delivery.ack()
    await channel.close()


def test_the_key_of_a_bot_is_in_its_own_file(tmp_path: Path) -> None:
    """A worker signs what it reports with another one, and nothing else."""
    bot, worker = tmp_path / "baton.toml", tmp_path / "worker.toml"
    bot.write_text('[signing]\nkey = "/etc/baton/bot.key"\n')
    worker.write_text('[signing]\nown = "/etc/baton/worker.key"\n')
    assert read_signing_key(bot) == Path("/etc/baton/bot.key")
    assert read_signing_key(worker) is None
    assert read_signing_key(None) is None


async def test_a_queue_that_no_worker_takes_from_is_an_error_that_says_so() -> None:
    channel = await connect("memory://push")
    with pytest.raises(NoSuchQueue) as error:
        await push(channel, "pdf", FIELDS)
    assert "no worker has ever had a queue pdf here" in str(error.value)
    await channel.close()


@pytest.mark.parametrize(
    ("queue", "fields", "problem"),
    [
        ("pdf", {"uri": "a\nb"}, "URI: a b cannot be sent"),
        ("pdf", {"version": "1" * 3000}, "VERSION: 1111111"),
        ("a b", {}, "QUEUE: a b is no name of a queue."),
        ("q" * 300, {}, "is no name of a queue."),
    ],
)
async def test_what_cannot_be_sent_is_refused(
    queue: str, fields: dict[str, str], problem: str
) -> None:
    channel = await connect("memory://push-refused")
    with pytest.raises(UsageError) as error:
        await push(channel, queue, {**FIELDS, **fields})
    assert problem in str(error.value)
    await channel.close()
