"""Becomes another program to which openat2 answers ENOSYS (seccomp(2), linux/filter.h)."""
import ctypes
import os
import struct
import sys

OPENAT2, ENOSYS = 437, 38
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, MODE_FILTER = 38, 22, 2


class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]


code = b"".join(
    struct.pack("<HBBI", *instruction)
    for instruction in [(0x20, 0, 0, 0), (0x15, 0, 1, OPENAT2), (0x06, 0, 0, ERRNO | ENOSYS), (0x06, 0, 0, ALLOW)]
)
kept = ctypes.create_string_buffer(code, len(code))
program = Program(len(code) // 8, ctypes.cast(kept, ctypes.c_void_p))
libc = ctypes.CDLL(None, use_errno=True)
zero = ctypes.c_ulong(0)
assert libc.prctl(PR_SET_NO_NEW_PRIVS, ctypes.c_ulong(1), zero, zero, zero) == 0
assert libc.prctl(PR_SET_SECCOMP, ctypes.c_ulong(MODE_FILTER), ctypes.byref(program), zero, zero) == 0
os.execvp(sys.argv[1], sys.argv[1:])
