"""Ways out of a box for a program in it: as a test, as a filter of git, or started by hand without a box.

Each function gives something true when it got through. What it names stands in `facts.json` beside it.
"""
import ctypes
import json
import os
import socket
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(HERE, "facts.json")) as opened:
    FACTS = json.load(opened)
WAYS = []


def way(function):
    WAYS.append(function)
    return function


def content(path):
    with open(path, "rb") as opened:
        return opened.read()


@way
def reads_a_file_outside():
    return b"walrus" in content(FACTS["secret"])


@way
def reads_it_by_a_link():
    link = os.path.join(os.environ.get("TMPDIR", "/tmp"), "link-%d" % os.getpid())
    os.symlink(FACTS["secret"], link)
    try:
        return b"walrus" in content(link)
    finally:
        os.unlink(link)


@way
def reads_it_by_the_root_of_another_process():
    return b"walrus" in content("/proc/%d/root%s" % (FACTS["daemon"], FACTS["secret"]))


@way
def reads_it_by_the_root_of_its_parent():
    return b"walrus" in content("/proc/%d/root%s" % (os.getppid(), FACTS["secret"]))


@way
def reads_it_with_another_program():
    return b"walrus" in subprocess.run(["cat", FACTS["secret"]], capture_output=True).stdout


@way
def lists_a_directory_outside():
    return os.listdir(FACTS["outside"])


@way
def changes_to_a_directory_outside():
    before = os.getcwd()
    os.chdir(FACTS["outside"])
    os.chdir(before)
    return os.listdir(FACTS["outside"])


@way
def writes_a_file_outside():
    open(os.path.join(FACTS["outside"], "written"), "w").close()
    return True


@way
def makes_a_directory_outside():
    os.mkdir(os.path.join(FACTS["outside"], "made"))
    return True


@way
def makes_a_link_outside():
    os.symlink("/", os.path.join(FACTS["outside"], "linked"))
    return True


@way
def deletes_a_file_outside():
    os.unlink(os.path.join(FACTS["outside"], "dir", "kept"))
    return True


@way
def renames_a_directory_outside():
    os.rename(os.path.join(FACTS["outside"], "dir"), os.path.join(FACTS["outside"], "moved"))
    return True


@way
def reads_the_owners_token():
    return content(os.path.join(FACTS["data"], "owner.token"))


@way
def reads_the_address_and_token_for_clients():
    return b"token" in content(os.path.join(FACTS["data"], "daemon.json"))


@way
def reads_the_database():
    return content(os.path.join(FACTS["data"], "calt.sqlite3")).startswith(b"SQLite")


@way
def opens_the_database_for_writing():
    open(os.path.join(FACTS["data"], "calt.sqlite3"), "r+b").close()
    return True


@way
def lists_other_sessions():
    # Its own one is no secret: that is where it stands.
    return FACTS["other"] in os.listdir(os.path.join(FACTS["data"], "sessions"))


@way
def reads_another_sessions_workspace():
    return content(os.path.join(FACTS["data"], "sessions", FACTS["other"], "workspace", "theirs.txt"))


@way
def writes_another_sessions_workspace():
    open(os.path.join(FACTS["data"], "sessions", FACTS["other"], "workspace", "ours.txt"), "w").close()
    return True


@way
def reads_the_plans_as_submitted():
    return os.listdir(os.path.join(FACTS["data"], "sessions", FACTS["other"], "plans"))


@way
def reads_the_daemons_environment():
    return content("/proc/%d/environ" % FACTS["daemon"])


@way
def reads_the_daemons_memory():
    return content("/proc/%d/maps" % FACTS["daemon"])


@way
def reads_the_daemons_open_files():
    return os.listdir("/proc/%d/fd" % FACTS["daemon"])


@way
def signals_the_daemon():
    os.kill(FACTS["daemon"], 0)
    return True


@way
def takes_hold_of_the_daemon():
    # PTRACE_SEIZE does not stop it, and the end of this process lets it go.
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.ptrace(0x4206, FACTS["daemon"], None, None) == 0


@way
def lowers_the_daemons_priority():
    os.setpriority(os.PRIO_PROCESS, FACTS["daemon"], 1)
    return True


@way
def connects_to_the_daemon():
    host, port = FACTS["address"].split(":")
    socket.create_connection((host, int(port)), timeout=5).close()
    return True


@way
def asks_the_daemon():
    host, port = FACTS["address"].split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(b"GET /healthz HTTP/1.0\r\nHost: %s\r\n\r\n" % FACTS["address"].encode())
        return connection.recv(100)


@way
def connects_to_another_port():
    socket.create_connection(("127.0.0.1", FACTS["port"]), timeout=5).close()
    return True


@way
def connects_by_datagram():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.settimeout(5)
        sender.connect(("127.0.0.1", FACTS["datagram"]))
        sender.send(b"?")
        return sender.recv(10)


@way
def connects_to_a_socket_by_its_path():
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(FACTS["socket"])
    return True


@way
def connects_to_a_socket_without_a_path():
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect("\0" + FACTS["abstract"])
    return True


@way
def reads_who_uses_this_machine():
    return b"root:" in content("/etc/passwd")


@way
def reads_what_else_runs():
    return b"calt" in content("/proc/%d/cmdline" % FACTS["daemon"])


@way
def reads_the_connections_of_this_machine():
    return b":%04X " % FACTS["port"] in content("/proc/net/tcp")


@way
def reads_settings_of_this_machine():
    return content("/etc/nsswitch.conf") and content("/etc/login.defs")


@way
def sees_the_mounts_of_this_machine():
    return b" /proc/sys" in content("/proc/self/mountinfo") or os.listdir("/sys/kernel")


@way
def attaches_shared_memory_of_others():
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.shmget(FACTS["shared"], 0, 0) >= 0


def what_works():
    works = []
    for function in WAYS:
        try:
            if function():
                works.append(function.__name__)
        except BaseException:
            pass
    return works


def leave_something_behind():
    """What must be gone when the run has ended, wherever it was put."""
    name = FACTS["left"]
    for directory in ["/tmp", "/dev/shm", "/var/tmp", os.path.expanduser("~"), HERE]:
        try:
            open(os.path.join(directory, name), "w").close()
        except OSError:
            pass
    libc = ctypes.CDLL(None, use_errno=True)
    libc.shmget(FACTS["left_shared"], 4096, 0o1666)
    subprocess.Popen(["setsid", "sleep", FACTS["sleeps"]], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    print("WAYS " + json.dumps(what_works()), flush=True)
    leave_something_behind()
