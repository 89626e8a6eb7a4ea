"""Tries to get out of a box, one way a function. Prints the names of the ways that worked.

Run outside of a box it is the control: what does not work there either proves nothing, and is not counted.
So each way must be harmless where it works: it asks, sets what is set already, changes files made for it, or
does its work in namespaces of its own. The control never runs as root.
"""

import ctypes
import errno
import json
import os
import resource
import signal
import socket
import struct
import sys

FACTS = json.loads(sys.argv[1])
PID = FACTS["pid"]
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


def call(number, *arguments):
    ctypes.set_errno(0)
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    answer = libc.syscall(ctypes.c_long(number), *wide)
    if answer < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return answer


def readable(path):
    with open(path, "rb") as file:
        return bool(file.read(1)) or True


def in_child(work):
    """True when the work came to its end in a process of its own: some ways end with a killed process."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if work() else 1)
        except BaseException:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# What is there from the start
def own_environment(): return FACTS["variable"] in os.environ
def open_descriptors():
    # The listing itself has one open.
    return sum(int(number) > 2 for number in os.listdir("/proc/self/fd")) > 1
def terminal(): os.open("/dev/tty", os.O_RDWR); return True

# Files
def read_etc(): return readable("/etc/hostname")
def read_shadow(): return readable("/etc/shadow")
def read_secret_outside(): return readable(FACTS["secret"])
def read_secret_by_link(): return readable("link-to-secret")
def read_secret_by_proc_root(): return readable("/proc/1/root" + FACTS["secret"]) or readable("/proc/self/root" + FACTS["secret"])
def list_above(): return FACTS["beside"] in os.listdir("..")
def list_home(): return len(os.listdir("/root")) > 0
def list_run(): return len(os.listdir("/run")) > 0
def write_outside(): return open(os.path.join(FACTS["outside"], "written"), "w").write("x") == 1
def write_usr(): open("/usr/calt-probe", "w").close(); os.unlink("/usr/calt-probe"); return True
def change_mode_outside(): os.chmod(FACTS["secret"], 0o640); return True
def change_time_outside(): os.utime(FACTS["secret"], (1, 1)); return True
def remove_outside(): os.unlink(FACTS["victim"]); return True
def open_disk(): return readable("/dev/vda")
def open_memory(): return readable("/dev/mem")
def write_kernel_setting():
    path = "/proc/sys/kernel/panic"
    return open(path, "r+").write(open(path).read()) > 0
def set_user_id_bit():
    path = os.path.join(os.environ["TMPDIR"], "suid")
    open(path, "w").close()
    os.chmod(path, 0o4755)
    return os.stat(path).st_mode & 0o4000 != 0
def make_device():
    path = os.path.join(os.environ["TMPDIR"], "device")
    os.mknod(path, 0o020666, os.makedev(1, 5))
    return readable(path)
def name_to_handle():
    handle = ctypes.create_string_buffer(struct.pack("II", 128, 0) + b"\0" * 128)
    return call(303, -100, b"/usr", handle, ctypes.byref(ctypes.c_int()), 0) == 0

# Other processes
def read_command_lines(): return readable("/proc/%d/cmdline" % PID)
def read_environment(): return readable("/proc/%d/environ" % PID)
def read_first_environment(): return len(open("/proc/1/environ", "rb").read()) > 0
def write_first_program(): open("/proc/1/exe", "r+b").close(); return True
def send_signal(): os.kill(PID, 0); return True
def trace():
    PTRACE_SEIZE, PTRACE_DETACH = 0x4206, 17
    call(101, PTRACE_SEIZE, PID, 0, 0)
    call(101, PTRACE_DETACH, PID, 0, 0)
    return True
def read_memory():
    buffer = ctypes.create_string_buffer(8)
    local = (ctypes.c_void_p * 2)(ctypes.addressof(buffer), 8)
    return call(310, PID, ctypes.byref(local), 1, ctypes.byref(local), 1, 0) >= 0
def open_process(): return call(434, PID, 0) >= 0
def steal_descriptor(): return call(438, call(434, PID, 0), 0, 0) >= 0
def change_priority(): os.setpriority(os.PRIO_PROCESS, PID, os.getpriority(os.PRIO_PROCESS, PID)); return True
def change_affinity(): os.sched_setaffinity(PID, os.sched_getaffinity(PID)); return True
def change_limits(): resource.prlimit(PID, resource.RLIMIT_CORE); return True
def compare_processes(): return call(312, PID, os.getpid(), 2, 0, 0) >= 0
def shared_memory(): return call(29, FACTS["shm_key"], 0, 0) >= 0

# Networks
def connect_loopback(): socket.create_connection(("127.0.0.1", FACTS["port"]), 2).close(); return True
def connect_abstract(): s = socket.socket(socket.AF_UNIX); s.connect("\0" + FACTS["abstract"]); return True
def connect_path(): s = socket.socket(socket.AF_UNIX); s.connect(FACTS["socket"]); return True
def netlink(): socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0); return True
def packet(): socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0); return True
def raw(): socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP); return True
def vsock(): socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM, 0); return True
def crypto_socket(): socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET, 0); return True

# The kernel
def io_uring():
    return call(425, 1, ctypes.create_string_buffer(120)) >= 0
def keyring(): return call(248, b"user", b"calt-probe", b"x", 1, -3) >= 0
def key_search(): return call(250, 0, -3, 0) is not None
def user_faults(): return call(323, 1) >= 0
def bpf(): return call(321, 0, ctypes.create_string_buffer(struct.pack("IIII", 2, 4, 4, 1) + b"\0" * 104), 120) >= 0
def perf():
    attributes = ctypes.create_string_buffer(struct.pack("IIQ", 1, 112, 0) + b"\0" * 96)
    return call(298, attributes, 0, -1, -1, 0) >= 0
def user_namespace(): return in_child(lambda: call(272, 0x10000000) == 0)
def mount_namespace(): return in_child(lambda: call(272, 0x20000) == 0)
def network_namespace(): return in_child(lambda: call(272, 0x40000000) == 0)
def clone_namespace(): return in_child(lambda: call(56, 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0) >= 0)
def clone3_namespace():
    arguments = ctypes.create_string_buffer(struct.pack("QQQQQQQQ", 0x10000000, 0, 0, 0, signal.SIGCHLD, 0, 0, 0))
    return in_child(lambda: call(435, arguments, 64) >= 0)
def enter_namespace(): return in_child(lambda: call(308, os.open("/proc/self/ns/uts", os.O_RDONLY), 0) == 0)
def mount(): return in_child(lambda: call(272, 0x10020000) == 0 and call(165, b"none", b"/tmp", b"tmpfs", 0, 0) == 0)
def new_mount_api(): return in_child(lambda: call(272, 0x10020000) == 0 and call(430, b"tmpfs", 0) >= 0)
def open_tree(): return in_child(lambda: call(272, 0x10020000) == 0 and call(428, -100, b"/usr", 1) >= 0)
def change_root(): return in_child(lambda: call(272, 0x10000000) == 0 and os.chroot("/tmp") is None)
def host_name(): return in_child(lambda: call(272, 0x14000000) == 0 and socket.sethostname("probe") is None)
def load_module(): return call(313, os.open("/dev/null", os.O_RDONLY), b"", 0) != -1
def kernel_log(): return call(103, 10, 0, 0) >= 0
def secret_memory(): return call(447, 0) >= 0
def watch_filesystem(): return call(300, 0, 0) >= 0
def personality(): return call(135, 0x0040000) >= 0
def adjust_clock(): return call(305, 0, ctypes.create_string_buffer(208)) >= 0
def numa_move(): return call(256, 0, 1, ctypes.create_string_buffer(8), ctypes.create_string_buffer(8)) >= 0
def quota(): return call(179, 0x800001 << 8, 0, 0, 0) >= 0
def x32(): return in_child(lambda: call(0x40000000 | 39) > 0)
def old_interface():
    # int 0x80: the calls of 32-bit programs, whose numbers mean other things.
    code = b"\xb8\x14\x00\x00\x00\xcd\x80\xc3"
    import mmap
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    function = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    return in_child(lambda: function() > 0)
def push_input():
    import fcntl, termios
    master, slave = os.openpty()
    def work():
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        fcntl.ioctl(slave, termios.TIOCSTI, b"x")
        return True
    return in_child(work)
def gain_rights():
    status = open("/proc/self/status").read()
    return "CapEff:\t0000000000000000" not in status or "CapBnd:\t0000000000000000" not in status and FACTS["bounded"]

# Limits
def many_processes():
    children = []
    try:
        while len(children) < 1000:
            child = os.fork()
            if child == 0:
                signal.pause()
            children.append(child)
    except OSError:
        pass
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return len(children) >= 1000
def much_memory(): return in_child(lambda: len(bytearray(5 << 30)) > 0)
def much_disk():
    def work():
        with open(os.path.join(os.environ["TMPDIR"], "much"), "wb") as file:
            for _ in range(40):
                file.write(b"x" * (16 << 20))
        return True
    try:
        return in_child(work)
    finally:
        try: os.unlink(os.path.join(os.environ["TMPDIR"], "much"))
        except OSError: pass
def many_files(): return len([os.open("/dev/null", os.O_RDONLY) for _ in range(2000)]) == 2000


def worked(way):
    try:
        return bool(way())
    except (OSError, ValueError, MemoryError, KeyError, AttributeError, PermissionError):
        return False


resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
WAYS = [(name, way) for name, way in list(globals().items())
        if callable(way) and getattr(way, "__module__", None) == "__main__"
        and name not in ("call", "readable", "in_child", "worked")]
print(json.dumps({name: worked(way) for name, way in WAYS}))
