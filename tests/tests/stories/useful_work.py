"""What the tests of ordinary projects do: all of it must work in a box, and none of it may land."""
import asyncio
import ctypes
import mmap
import multiprocessing
import os
import pty
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import shared_memory
from pathlib import Path

import pytest

# What needs namespaces: sockets and terminals, semaphores in /dev/shm, and a workspace that can be written.
namespaces = pytest.mark.namespaces


@pytest.fixture(scope="session")
def expensive():
    yield {"made": True}


def test_fixtures(expensive, request, monkeypatch, capsys):
    monkeypatch.setenv("NAME", "value")
    print(os.environ["NAME"])
    assert capsys.readouterr().out == "value\n" and expensive["made"]


@pytest.mark.parametrize("number", [1, 2, 3])
def test_parameters(number):
    assert number * 2 > number


def test_the_project_is_imported():
    import app

    assert app.answer() == 42


def test_tmp_path(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c.txt").write_text("設計書")
    assert [path.name for path in tmp_path.rglob("*.txt")] == ["c.txt"]
    os.symlink("a", tmp_path / "link")
    os.rename(tmp_path / "link", tmp_path / "moved")
    shutil.rmtree(tmp_path / "a")


def test_tempfile():
    with tempfile.NamedTemporaryFile("w+") as file, tempfile.TemporaryDirectory() as directory:
        file.write("x")
        assert Path(file.name).exists() and Path(directory).is_dir()
    with tempfile.SpooledTemporaryFile(max_size=10) as spooled:
        spooled.write(b"x" * 100)


def test_home_is_there():
    place = Path.home() / ".cache" / "thing"
    place.mkdir(parents=True)
    place.joinpath("f").write_text("x")


def test_subprocess():
    done = subprocess.run([sys.executable, "-c", "print(6 * 7)"], capture_output=True, text=True, check=True)
    assert done.stdout == "42\n"


def test_a_shell():
    done = subprocess.run("echo one two | tr ' ' '\\n' | sort -r | head -1", shell=True, capture_output=True, text=True)
    assert done.stdout == "two\n" and done.returncode == 0


def test_a_subprocess_that_takes_too_long():
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run(["sleep", "60"], timeout=0.05)


@namespaces
def test_a_pool_of_processes():
    with multiprocessing.Pool(2) as pool:
        assert pool.map(abs, [-1, -2, -3]) == [1, 2, 3]
    with ProcessPoolExecutor(2) as pool:
        assert list(pool.map(abs, [-1, -2])) == [1, 2]


@namespaces
def test_a_manager():
    with multiprocessing.Manager() as manager:
        shared = manager.dict()
        process = multiprocessing.Process(target=shared.update, args=({"a": 1},))
        process.start()
        process.join()
        assert dict(shared) == {"a": 1}


@namespaces
def test_queues_and_locks():
    queue, lock = multiprocessing.Queue(), multiprocessing.Lock()
    with lock:
        process = multiprocessing.Process(target=queue.put, args=("x",))
        process.start()
        assert queue.get(timeout=20) == "x"
        process.join()


def test_threads():
    seen = []
    threads = [threading.Thread(target=seen.append, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == list(range(20))
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(len, ["a", "bb"])) == 3


class Answers(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_):
        pass


@namespaces
def test_a_server_on_the_loopback():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for host in ["127.0.0.1", "localhost"]:
        with urllib.request.urlopen("http://%s:%d/" % (host, server.server_port), timeout=20) as answer:
            assert answer.read() == b"hello"
    server.shutdown()


@namespaces
def test_datagrams():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two:
        one.bind(("127.0.0.1", 0))
        two.sendto(b"x", one.getsockname())
        assert one.recv(10) == b"x"


@namespaces
def test_unix_sockets(tmp_path):
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        server.bind(str(tmp_path / "s"))
        server.listen()
        client.connect(str(tmp_path / "s"))
        accepted, _ = server.accept()
        client.sendall(b"x")
        assert accepted.recv(1) == b"x"
        accepted.close()


def test_socket_pairs():
    one, two = socket.socketpair()
    one.sendall(b"x")
    assert two.recv(1) == b"x"


def test_sqlite_with_a_log_ahead(tmp_path):
    with sqlite3.connect(tmp_path / "a.db") as database:
        assert database.execute("PRAGMA journal_mode=WAL").fetchone() == ("wal",)
        database.execute("CREATE TABLE t (x)")
        database.execute("INSERT INTO t VALUES (1)")
    with sqlite3.connect(tmp_path / "a.db") as again:
        assert again.execute("SELECT x FROM t").fetchall() == [(1,)]


@namespaces
def test_writing_in_the_workspace():
    Path("data.txt").write_text("changed\n")
    Path("new").mkdir()
    Path("new/file.txt").write_text("x")
    os.rename("new/file.txt", "moved.txt")
    # A directory from below the layer is moved as it is between file systems.
    shutil.move("app", "app2")
    shutil.move("app2", "app")
    os.unlink("link.txt")
    os.link("data.txt", "second.txt")
    assert Path("data.txt").read_text() == "changed\n" and os.listdir("new") == []


def test_reading_the_workspace():
    assert Path("app/__init__.py").read_text().startswith("def answer")


def test_mapped_memory(tmp_path):
    path = tmp_path / "m"
    path.write_bytes(b"\0" * 8192)
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[0:5] = b"hello"
        mapped.flush()
    assert path.read_bytes()[:5] == b"hello"
    mmap.mmap(-1, 1 << 20).close()


@namespaces
def test_a_terminal():
    parent, child = pty.openpty()
    assert os.isatty(child)
    os.write(parent, b"x\n")
    assert os.read(child, 10) == b"x\n"


@namespaces
def test_shared_memory():
    block = shared_memory.SharedMemory(create=True, size=4096)
    try:
        again = shared_memory.SharedMemory(name=block.name)
        block.buf[0] = 7
        assert again.buf[0] == 7
        again.close()
    finally:
        block.close()
        block.unlink()


@namespaces
def test_modes_and_times(tmp_path):
    path = tmp_path / "f"
    path.touch()
    os.chmod(path, 0o640)
    os.utime(path, (1, 2))
    found = path.stat()
    assert (found.st_mode & 0o777, found.st_mtime) == (0o640, 2)
    shutil.copy2(path, tmp_path / "g")
    script = tmp_path / "run.sh"
    script.write_text("#!/bin/sh\necho ran\n")
    script.chmod(0o755)
    assert subprocess.run([script], capture_output=True).stdout == b"ran\n"


@namespaces
def test_git_init(tmp_path):
    def git(*words):
        return subprocess.run(
            ["git", "-c", "user.name=n", "-c", "user.email=e", *words], cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout

    git("init", "-q")
    (tmp_path / "f").write_text("x\n")
    git("add", ".")
    git("commit", "-qm", "first")
    assert git("log", "--format=%s") == "first\n"


def test_asyncio_with_a_subprocess():
    async def run():
        process = await asyncio.create_subprocess_exec("echo", "hello", stdout=subprocess.PIPE)
        out, _ = await process.communicate()
        return out

    assert asyncio.run(run()) == b"hello\n"


def test_asyncio_with_time():
    async def run():
        return await asyncio.gather(*[asyncio.sleep(0.01, number) for number in range(5)])

    assert asyncio.run(run()) == [0, 1, 2, 3, 4]


def test_signals():
    seen = []
    signal.signal(signal.SIGUSR1, lambda *_: seen.append(1))
    os.kill(os.getpid(), signal.SIGUSR1)
    assert seen == [1]
    process = subprocess.Popen(["sleep", "60"])
    process.terminate()
    assert process.wait() == -signal.SIGTERM


def test_pipes_and_locks_on_files(tmp_path):
    import fcntl

    os.mkfifo(tmp_path / "pipe")
    with open(tmp_path / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    reader, writer = os.pipe()
    os.write(writer, b"x")
    assert os.read(reader, 1) == b"x"


def test_the_machine_is_asked():
    import getpass
    import platform

    assert os.cpu_count() >= 1 and platform.machine() and time.time() > 0
    assert ctypes.CDLL(None).getpid() == os.getpid()
    assert len(os.urandom(8)) == 8 and getpass.getuser
