"""The inbox's writer, read back by an independent reader."""

from __future__ import annotations

import fcntl
import os
import re
import resource
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autotrace.config.paths import data_directory, temporary_directory
from autotrace.export.inbox import writer as module
from autotrace.export.inbox.writer import Inbox
from autotrace.signals import TRACES
from unit.export.making import settings
from unit.export.reading import everything, files, is_finished, records


@pytest.fixture
def data(tmp_path):
    """A data directory that does not exist yet."""
    return tmp_path / "a" / "b" / "data"


@pytest.fixture
def make(data):
    """A function that makes writers for the data directory, all closed at the end."""
    made = []

    def one(**given):
        made.append(Inbox(settings(**{"data_dir": str(data), **given})))
        return made[-1]

    yield one
    for writer in made:
        writer.close()


def write(writer, payload):
    """Export and expect success."""
    result = writer.export(TRACES, payload, time.monotonic() + 10)
    assert result.delivered, result


def test_nothing_is_made_before_the_first_request(make, data):
    """A program that makes no spans leaves no trace on the disk."""
    make()
    assert not data.exists()


def test_one_file_for_many_requests(make, data):
    """The name tells start, process and sequence; everything is for its owner only."""
    old = os.umask(0)
    try:
        before = time.time_ns()
        writer = make()
        payloads = [b"first", b"", b"\x00" * 5000]
        for payload in payloads:
            write(writer, payload)
    finally:
        os.umask(old)
    (path,) = files(data / "inbox")
    start, process, sequence = map(int, re.fullmatch(r"(\d+)-(\d+)-(\d+)\.spans", path.name).groups())
    assert before <= start <= time.time_ns()
    assert (process, sequence) == (os.getpid(), 1)
    assert records(path) == payloads
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for directory in (data / "inbox", data, data.parent, data.parent.parent):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


@pytest.mark.process
def test_the_lock_is_held_until_the_writer_is_closed(make, data):
    """A file is finished when its writer is, and not before."""
    writer = make()
    write(writer, b"x")
    (path,) = files(data / "inbox")
    assert not is_finished(path)
    writer.close()
    assert is_finished(path)
    result = writer.export(TRACES, b"y", time.monotonic() + 10)
    assert (result.delivered, result.text) == (False, "the inbox is closed")


def test_the_descriptor_is_not_inherited_by_other_programs(make, data):
    """A program that is started keeps no file alive."""
    writer = make()
    write(writer, b"x")
    assert not os.get_inheritable(writer._file._descriptor)


def test_a_record_is_one_system_call(make, data, monkeypatch):
    """Readers never meet half a record of a writer that was killed between two calls."""
    writer = make()
    write(writer, b"x")
    written, real = [], os.write
    monkeypatch.setattr(
        module.os, "write", lambda descriptor, data: written.append(len(data)) or real(descriptor, data)
    )
    write(writer, b"abc")
    assert written == [13]


@pytest.mark.process
def test_a_new_file_after_eight_megabytes(make, data):
    """Files are rotated, the full one is finished, and no request is lost."""
    writer = make()
    payloads = [bytes([number]) * (3 << 20) for number in range(5)]
    for payload in payloads:
        write(writer, payload)
    first, second, third = files(data / "inbox")
    assert [len(records(path)) for path in (first, second, third)] == [2, 2, 1]
    assert everything(data / "inbox") == payloads
    assert [is_finished(path) for path in (first, second, third)] == [True, True, False]


def test_a_request_larger_than_a_file(make, data):
    """It has a file to itself."""
    writer = make()
    for payload in (b"a", b"b" * (9 << 20), b"c"):
        write(writer, payload)
    assert [len(records(path)) for path in files(data / "inbox")] == [1, 1, 1]


def test_a_request_too_large_for_the_format(make, data):
    """It is refused, and nothing is deleted for it."""
    result = make().export(TRACES, bytes((64 << 20) + 1), time.monotonic() + 10)
    assert (result.delivered, result.retryable) == (False, False)
    small = make(inbox_max_bytes=1000).export(TRACES, bytes(1000), time.monotonic() + 10)
    assert (small.delivered, small.retryable) == (False, False)
    assert "AUTOTRACE_INBOX_MAX_BYTES, 1000" in small.text
    assert not data.exists()


def test_the_ceiling_deletes_the_oldest_finished_files(make, data):
    """The newest requests are there, and the directory is below its ceiling all along."""
    writer = make(inbox_max_bytes=100_000)
    payloads = [bytes([number]) * 10_000 for number in range(50)]
    for payload in payloads:
        write(writer, payload)
        assert sum(path.stat().st_size for path in files(data / "inbox")) <= 100_000
    kept = everything(data / "inbox")
    assert len(kept) >= 6
    assert kept == payloads[-len(kept) :]


def test_the_ceiling_spares_what_is_in_use(make, data):
    """Files of writers that live, and those that a reader has locked, are not deleted; nobody is waited for."""
    live, dead, writer = make(inbox_max_bytes=60_000), make(inbox_max_bytes=60_000), make(inbox_max_bytes=60_000)
    write(live, b"l" * 10_000)
    write(dead, b"r" * 10_000)
    dead.close()
    _, locked = files(data / "inbox")
    with locked.open("rb") as reader:
        fcntl.flock(reader, fcntl.LOCK_SH)
        for number in range(20):
            write(writer, bytes([number]) * 10_000)
        assert {b"l" * 10_000, b"r" * 10_000} < set(everything(data / "inbox"))
    for number in range(20):
        write(writer, bytes([number]) * 10_000)
    assert b"r" * 10_000 not in everything(data / "inbox")
    assert b"l" * 10_000 in everything(data / "inbox")


def test_a_full_inbox_of_live_writers(make, data):
    """Where nothing may be deleted the request is kept back, and is delivered once there is room."""
    live, writer = make(inbox_max_bytes=50_000), make(inbox_max_bytes=50_000)
    write(live, b"l" * 40_000)
    result = writer.export(TRACES, b"x" * 20_000, time.monotonic() + 10)
    assert (result.delivered, result.retryable) == (False, True)
    assert "the inbox is full (50000 bytes)" in result.text
    live.close()
    write(writer, b"x" * 20_000)
    assert everything(data / "inbox") == [b"x" * 20_000]


def test_the_ceiling_looks_again_while_a_file_grows(make, data, monkeypatch):
    """A writer that stays in one file does not pass the ceiling with others' files."""
    monkeypatch.setattr(module, "_RESERVE", 10_000)
    other, writer = make(inbox_max_bytes=1_000_000), make(inbox_max_bytes=1_000_000)
    write(writer, b"w" * 1000)
    write(other, b"o" * 200_000)
    other.close()
    (data / "inbox" / "1-1-1.spans").write_bytes(b"z" * 700_000)
    os.utime(data / "inbox" / "1-1-1.spans", (1, 1))
    for _ in range(150):
        write(writer, b"w" * 1000)
    assert not (data / "inbox" / "1-1-1.spans").exists()
    assert sum(path.stat().st_size for path in files(data / "inbox")) <= 1_000_000


def test_a_young_file_with_only_a_header_is_left_alone(make, data):
    """Its writer may be about to lock it."""
    (data / "inbox").mkdir(parents=True)
    young, old = data / "inbox" / "1-1-1.spans", data / "inbox" / "2-2-2.spans"
    for path in (young, old):
        path.write_bytes(b"autotrc2")
    os.utime(old, (time.time() - 60, time.time() - 60))
    writer = make(inbox_max_bytes=100)
    result = writer.export(TRACES, b"x" * 80, time.monotonic() + 10)
    assert (result.delivered, young.exists(), old.exists()) == (False, True, False)


def test_other_files_in_the_directory_are_nobodys_business(make, data):
    """Only files of ours are counted and deleted."""
    (data / "inbox").mkdir(parents=True)
    (data / "inbox" / "notes.txt").write_bytes(b"n" * 100_000)
    writer = make(inbox_max_bytes=1000)
    for _ in range(20):
        write(writer, b"x" * 200)
    assert (data / "inbox" / "notes.txt").stat().st_size == 100_000


def test_a_file_that_was_deleted_under_us(make, data):
    """The next request begins a new one."""
    writer = make()
    write(writer, b"lost")
    for path in files(data / "inbox"):
        path.unlink()
    (data / "inbox").rmdir()
    write(writer, b"kept")
    assert everything(data / "inbox") == [b"kept"]


@pytest.mark.parametrize("reused", [False, True])
def test_a_daemon_that_closes_all_descriptors(make, data, tmp_path, reused):
    """A descriptor that is the program's by now is neither written to nor closed; a new file is begun."""
    writer = make()
    write(writer, b"before")
    number = writer._file._descriptor
    os.close(number)
    theirs = tmp_path / "theirs"
    if reused:
        descriptor = os.open(theirs, os.O_WRONLY | os.O_CREAT)
        os.dup2(descriptor, number)
        if descriptor != number:
            os.close(descriptor)
    write(writer, b"after")
    assert everything(data / "inbox") == [b"before", b"after"]
    if reused:
        assert theirs.read_bytes() == b""
        assert os.path.samestat(os.fstat(number), theirs.stat())
        os.close(number)


def test_a_directory_that_the_program_leaves(make, data, tmp_path, monkeypatch):
    """A relative data directory is meant from where the program started."""
    monkeypatch.chdir(tmp_path)
    writer = make(data_dir="here")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    write(writer, b"x")
    assert everything(tmp_path / "here" / "inbox") == [b"x"]


_FORKING = """
import os, sys, time
from types import SimpleNamespace
from autotrace.signals import TRACES
from autotrace.export.inbox.writer import Inbox
inbox = Inbox(SimpleNamespace(data_dir=sys.argv[1], inbox_max_bytes=1 << 28))
forgetful = sys.argv[2] == "forget"
def write(payload):
    result = inbox.export(TRACES, payload, time.monotonic() + 10)
    assert result.delivered, result
write(b"parent 1")
read, wrote = os.pipe()
child = os.fork()
if not child:
    if forgetful:
        inbox.forget()
    write(b"child 1")
    os.write(wrote, b"x")
    os._exit(0)
os.read(read, 1)
os.waitpid(child, 0)
write(b"parent 2")
print("ready", flush=True)
sys.stdin.readline()
"""


@pytest.mark.process
@pytest.mark.parametrize("way", ["forget", "nothing"])
def test_a_fork_begins_a_file_of_its_own(data, way):
    """The parent keeps its file and its lock; the child's file is finished when the child is; told of the fork or not."""
    command = [sys.executable, "-c", _FORKING, str(data), way]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        by_parent = {int(path.name.split("-")[1]) == process.pid: path for path in files(data / "inbox")}
        assert records(by_parent[True]) == [b"parent 1", b"parent 2"]
        assert records(by_parent[False]) == [b"child 1"]
        assert not is_finished(by_parent[True])
        assert is_finished(by_parent[False])
        process.communicate("\n")
    assert process.returncode == 0
    assert is_finished(by_parent[True])


@pytest.mark.process
def test_a_forgotten_file_stays_locked_by_the_parent(make, data):
    """Closing the child's descriptor does not undo the parent's lock."""
    writer = make()
    write(writer, b"x")
    (path,) = files(data / "inbox")
    child = os.fork()
    if not child:
        writer.forget()
        os._exit(0)
    os.waitpid(child, 0)
    assert not is_finished(path)


def test_a_full_disk(make, data):
    """What was written in part is taken back, the failure is told, and later requests are written."""
    writer = make()
    write(writer, b"a" * 1000)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1500, old[1]))
    try:
        result = writer.export(TRACES, b"b" * 1000, time.monotonic() + 10)
        again = writer.export(TRACES, b"c" * 3000, time.monotonic() + 10)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert (result.delivered, result.retryable, again.delivered) == (False, True, False)
    assert "is the disk full?" in result.text
    write(writer, b"d" * 1000)
    assert everything(data / "inbox") == [b"a" * 1000, b"d" * 1000]


def test_a_file_in_the_directorys_place(make, data, monkeypatch, tmp_path):
    """Where the inbox cannot be made, the temporary directory is used."""
    data.parent.mkdir(parents=True)
    data.write_text("in the way")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    write(make(), b"x")
    root, fallback = tmp_path / f"autotrace-{os.getuid()}", Path(temporary_directory(str(data)))
    assert fallback.parent == root
    assert [stat.S_IMODE(place.stat().st_mode) for place in (root, fallback, fallback / "inbox")] == [0o700] * 3
    assert everything(fallback / "inbox") == [b"x"]


def test_back_in_the_data_directory_when_it_can_be_made(make, data, monkeypatch, tmp_path):
    """The temporary directory is only for as long as it must be."""
    data.parent.mkdir(parents=True)
    data.write_text("in the way")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    writer = make(inbox_max_bytes=1000)
    write(writer, b"x" * 300)
    data.unlink()
    write(writer, b"y" * 300)
    assert everything(data / "inbox") == [b"y" * 300]


@pytest.mark.parametrize("trap", ["link", "open", "file"])
def test_a_fallback_that_somebody_has_prepared(make, data, monkeypatch, tmp_path, trap):
    """A link, a directory that others may write to, or no directory at all is not used."""
    data.parent.mkdir(parents=True)
    data.write_text("in the way")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    fallback, target = tmp_path / f"autotrace-{os.getuid()}", tmp_path / "target"
    target.mkdir()
    if trap == "link":
        fallback.symlink_to(target)
    elif trap == "open":
        fallback.mkdir()
        fallback.chmod(0o777)
    else:
        fallback.write_text("no directory")
    result = make().export(TRACES, b"x", time.monotonic() + 10)
    assert (result.delivered, result.retryable) == (False, True)
    assert str(fallback) in result.text
    assert list(target.iterdir()) == []
    if trap == "open":
        fallback.chmod(0o700)
        write(make(), b"x")


_UNPRIVILEGED = """
import os, sys, time, zlib
from types import SimpleNamespace
from autotrace.signals import TRACES
from autotrace.export.inbox.writer import Inbox
if os.getuid() == 0:  # root may write everywhere; nobody may perhaps not even import
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
inbox = Inbox(SimpleNamespace(data_dir=os.environ.get("DATA", ""), inbox_max_bytes=1 << 28))
print(inbox.export(TRACES, b"x", time.monotonic() + 10), flush=True)
sys.stdin.readline()
print(inbox.export(TRACES, b"y", time.monotonic() + 10))
"""


def unprivileged(directory, **environ):
    """Start a writer that is not root, before whom no directory is read-only."""
    environ = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **environ}
    return subprocess.Popen(
        [sys.executable, "-c", _UNPRIVILEGED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environ, cwd="/"
    )  # fmt: skip


@pytest.fixture
def shared(tmp_path_factory):
    """A directory that every user can reach and write to."""
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o777)
        yield name


@pytest.mark.process
def test_a_home_that_does_not_exist(shared):
    """HOME=/nonexistent falls back on the temporary directory."""
    with unprivileged(shared, HOME="/nonexistent", TMPDIR=shared) as process:
        assert process.communicate("\n")[0].count("delivered") == 2
    (fallback,) = os.listdir(shared)
    assert fallback.startswith("autotrace-")


@pytest.mark.process
def test_a_directory_that_is_read_only(shared):
    """The failure is told, nothing is raised, and it works as soon as it can."""
    inbox = os.path.join(shared, "data", "inbox")
    os.makedirs(inbox)
    os.chmod(inbox, 0o555)
    with unprivileged(shared, DATA=os.path.join(shared, "data"), TMPDIR=shared) as process:
        line = process.stdout.readline()
        assert line.startswith("<Result retryable")
        assert "Permission denied" in line
        assert "AUTOTRACE_DATA_DIR" in line
        os.chmod(inbox, 0o777)
        assert process.communicate("\n")[0].startswith("<Result delivered")
    assert len(os.listdir(inbox)) == 1


@pytest.mark.parametrize(
    ("environ", "platform", "place"),
    [
        ({"AUTOTRACE_DATA_DIR": "/x/y", "XDG_DATA_HOME": "/z"}, "linux", "/x/y"),
        ({"XDG_DATA_HOME": "/z"}, "linux", "/z/autotrace"),
        ({"XDG_DATA_HOME": ""}, "linux", "/home/me/.local/share/autotrace"),
        ({}, "linux", "/home/me/.local/share/autotrace"),
        ({}, "darwin", "/home/me/Library/Application Support/autotrace"),
        ({"LOCALAPPDATA": "/app"}, "win32", "/app/autotrace"),
        ({}, "win32", "/home/me/AppData/Local/autotrace"),
        ({"AUTOTRACE_DATA_DIR": "~/t"}, "linux", "/home/me/t"),
    ],
)
def test_where_the_data_directory_is(monkeypatch, environ, platform, place):
    """The place of each platform, as the inbox format says."""
    monkeypatch.setenv("HOME", "/home/me")
    assert data_directory(environ, platform) == place
