"""The same bytes to many sockets in one system call: Linux's io_uring, for this one purpose.

The names are those of the kernel's documentation: what is wanted goes into a queue of entries (SQE, 64 bytes each) that
both sides map; what became of it comes back in another (CQE, 16 bytes each), and here only if it went wrong.
"""

import contextlib
import errno
import itertools
import mmap
import os
import socket
import struct
import sys
from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ctypes

MOST_SOCKETS = 1024
"""In one call."""
MOST_BYTES = 1 << 16

# System calls; on the few architectures where they have other numbers the first of them fails.
_IO_URING_SETUP, _IO_URING_ENTER = 425, 426
_SUBMIT_ALL = 1 << 7
"""Goes on behind an entry that cannot be carried out."""
_SEND, _CQE_SKIP_SUCCESS = 26, 1 << 6
_FLAGS = getattr(socket, "MSG_DONTWAIT", 0) | getattr(socket, "MSG_NOSIGNAL", 0) | getattr(socket, "MSG_WAITALL", 0)
"""With WAITALL, what was sent only in part counts as gone wrong. With DONTWAIT all is over when the call returns."""
_PARAMS, _SQ_OFFSETS, _CQ_OFFSETS = 120, 40, 80
_SQES_AT = 0x10000000
_SQE, _CQE = struct.Struct("=BBHiQQIIQ24x"), struct.Struct("=QiI")
_WRAP = (1 << 32) - 1


class SendRing:
    """For one thread. The bytes are copied into a buffer of the ring's own before the call."""

    def __init__(self) -> None:
        """Raises OSError where the system has no io_uring, does not allow it, or does otherwise than is needed."""
        if sys.platform != "linux":
            raise OSError(errno.ENOSYS, "io_uring is Linux's")
        try:
            import ctypes  # which a Python may have been compiled without
        except ImportError as fault:
            raise OSError(errno.ENOSYS, str(fault)) from fault
        self._ctypes = ctypes
        self._syscall = ctypes.CDLL(None, use_errno=True).syscall
        self._syscall.restype = ctypes.c_long
        self._views: list[memoryview] = []
        self._maps: list[mmap.mmap] = []
        params = ctypes.create_string_buffer(_PARAMS)
        struct.pack_into("=I", params, 8, _SUBMIT_ALL)
        self._ring = self._call(_IO_URING_SETUP, MOST_SOCKETS, params)
        if self._ring < 0:
            raise self._failed("io_uring_setup")
        try:
            self._map(params)
            self._prove()
        except BaseException:
            self.close()
            raise

    def _map(self, params: "ctypes.Array[ctypes.c_char]") -> None:
        sq_entries, cq_entries = struct.unpack_from("=II", params)
        sq_head, sq_tail, _, _, _, _, sq_array, _ = struct.unpack_from("=8I", params, _SQ_OFFSETS)
        cq_head, cq_tail, _, _, _, cqes, _, _ = struct.unpack_from("=8I", params, _CQ_OFFSETS)
        shared = self._mapped(self._ring, max(cqes + cq_entries * _CQE.size, sq_array + sq_entries * 4), 0)
        sqes = self._mapped(self._ring, sq_entries * _SQE.size, _SQES_AT)
        self._frames = self._mapped(-1, MOST_BYTES, 0)
        address = self._ctypes.addressof(self._ctypes.c_char.from_buffer(self._maps[-1]))
        for slot in range(sq_entries):
            _SQE.pack_into(sqes, slot * _SQE.size, _SEND, _CQE_SKIP_SUCCESS, 0, -1, 0, address, 0, _FLAGS, slot)
        # What differs from call to call, as columns: the descriptor of each entry and its length.
        self._descriptors = self._viewed(self._viewed(sqes.cast("i"))[1 :: _SQE.size // 4])
        self._sizes = self._viewed(self._viewed(sqes.cast("I"))[6 :: _SQE.size // 4])
        self._words = self._viewed(shared.cast("I"))
        self._words[sq_array // 4 : sq_array // 4 + sq_entries] = memoryview(array("I", range(sq_entries)))
        self._cqes = self._viewed(shared[cqes : cqes + cq_entries * _CQE.size])
        self._sq_mask, self._cq_mask = sq_entries - 1, cq_entries - 1
        self._sq_head, self._sq_tail, self._cq_head, self._cq_tail = (
            offset // 4 for offset in (sq_head, sq_tail, cq_head, cq_tail)
        )

    def _mapped(self, descriptor: int, size: int, offset: int) -> memoryview:
        self._maps.append(mmap.mmap(descriptor, size, offset=offset))
        return self._viewed(memoryview(self._maps[-1]))

    def _viewed(self, view: memoryview) -> memoryview:
        self._views.append(view)
        return view

    def close(self) -> None:
        """A second time is nothing."""
        if self._ring < 0:
            return
        for view in reversed(self._views):
            view.release()
        for each in self._maps:  # which hold descriptors of the ring of their own
            each.close()
        os.close(self._ring)
        self._ring = -1

    def send(self, descriptors: Sequence[int], frames: bytes) -> list[tuple[int, int]]:
        """Who did not take all of it: their places among the descriptors, and how many bytes each took.

        For non-blocking sockets; MOST_SOCKETS and MOST_BYTES at most. Raises OSError if nobody was sent anything.
        """
        size, count = len(frames), len(descriptors)
        self._frames[:size] = frames
        words = self._words
        tail = words[self._sq_tail]
        begin = tail & self._sq_mask
        self._put(self._descriptors, begin, array("i", descriptors))
        self._put(self._sizes, begin, array("I", (size,)) * count)
        words[self._sq_tail] = tail + count & _WRAP
        done = self._call(_IO_URING_ENTER, self._ring, count, 0, 0, None, 0)
        failed = [((slot - begin) & self._sq_mask, max(result, 0)) for slot, result in self._completions()]
        if done < count:  # the kernel has no memory for more
            words[self._sq_tail] = words[self._sq_head]
            if done < 0:
                raise self._failed("io_uring_enter")
            failed += [(place, 0) for place in range(done, count)]
        return failed

    def _put(self, column: memoryview, begin: int, values: "array[int]") -> None:
        """Around the end of the queue, if need be."""
        wanted, before_end = memoryview(values), min(len(values), len(column) - begin)
        column[begin : begin + before_end] = wanted[:before_end]
        column[: len(values) - before_end] = wanted[before_end:]

    def _call(self, *arguments: "int | ctypes.Array[ctypes.c_char] | None") -> int:
        """The system call of that number; a negative result is an error."""
        long = self._ctypes.c_long
        return int(self._syscall(*(long(each) if isinstance(each, int) else each for each in arguments)))

    def _failed(self, name: str) -> OSError:
        code = self._ctypes.get_errno()
        return OSError(code, f"{name}: {os.strerror(code)}")

    def _completions(self) -> list[tuple[int, int]]:
        """(slot, bytes or negative error) of what went wrong."""
        words = self._words
        head, tail = words[self._cq_head], words[self._cq_tail]
        found = []
        while head != tail:
            slot, result, _ = _CQE.unpack_from(self._cqes, (head & self._cq_mask) * _CQE.size)
            found.append((slot, result))
            head = head + 1 & _WRAP
        words[self._cq_head] = head
        return found

    def _prove(self) -> None:
        """Older kernels tell of what was sent in part otherwise, and losing count of that would lose a message."""
        ends = [socket.socketpair() for _ in range(3)]
        try:
            for end in itertools.chain.from_iterable(ends):
                end.setblocking(False)
            (whole, reader), (part, slow), (gone, other) = ends
            part.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
            other.close()
            told = self.send([whole.fileno(), gone.fileno(), part.fileno()], bytes(MOST_BYTES))
            all_of_it, some_of_it = _received(reader), _received(slow)
            if (all_of_it, told) != (MOST_BYTES, [(1, 0), (2, some_of_it)]) or not 0 < some_of_it < MOST_BYTES:
                raise OSError(
                    errno.ENOSYS,
                    f"io_uring does not tell of parts as it should, or buffers of sockets are small: "
                    f"{told}, of {all_of_it} and {some_of_it} bytes",
                )
        finally:
            for end in itertools.chain.from_iterable(ends):
                end.close()


def _received(end: socket.socket) -> int:
    """The bytes that wait there."""
    size = 0
    with contextlib.suppress(BlockingIOError):
        while chunk := end.recv(MOST_BYTES):
            size += len(chunk)
    return size
