"""The memory that an interpreted kernel sees: every access is checked against the bounds of its array, and for data races.

Arrays lie 2**40 bytes apart, so that an index that is out of one is in none. A race is what the CUDA memory model calls one: two threads
touch one byte, one of them writes, not both by atomics, and no barrier of their block lies between. It is found in whatever order
the interpreter happens to run the threads.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from tests.support.ptx_program import PtxError

SPACING_BITS = 40
SHARED_BASE, LOCAL_BASE = np.uint64(1 << 60), np.uint64(1 << 61)
MANY = -1  # of readers, and of the blocks that they are in
SECTOR_BYTES, WARP_LANES = 32, 32
FRESH = 0xCB  # what memory that nobody has written holds


class OutOfBoundsError(PtxError):
    """A thread reads or writes outside of every array of the kernel."""


class RaceError(PtxError):
    """Two threads touch one byte without an order between them, and one of them writes."""


class Shadow:
    """Who wrote and read every byte of an array last, in which block, and before which barrier of it."""

    def __init__(self, n_bytes: int) -> None:
        self.writer, self.reader = np.zeros(n_bytes, np.int64), np.zeros(n_bytes, np.int64)  # 0 nobody, thread + 1
        self.writer_block, self.reader_block = np.zeros(n_bytes, np.int64), np.zeros(n_bytes, np.int64)
        self.writer_epoch, self.reader_epoch = np.zeros(n_bytes, np.int64), np.zeros(n_bytes, np.int64)
        self.by_atomic = np.zeros(n_bytes, bool)

    def read(self, at: np.ndarray, thread: np.ndarray, block: np.ndarray, epoch: np.ndarray) -> bool:
        """Note a read of the bytes `at` [n, size]; True where it races."""
        me = thread + 1
        writer = self.writer[at]
        race = (writer != 0) & (writer != me) & ~((self.writer_block[at] == block) & (self.writer_epoch[at] < epoch))
        reader, blocks = self.reader[at], self.reader_block[at]
        alone = (reader == 0) | (reader == me) | ((blocks == block) & (self.reader_epoch[at] < epoch))
        self.reader[at] = np.where(alone, me, MANY)
        self.reader_block[at] = np.where(alone | (blocks == block), block, MANY)
        self.reader_epoch[at] = epoch
        shared = (self.reader[at] != me) & alone  # another lane of this instruction read it too
        if shared.any():
            self.reader[at[shared]] = MANY
            other = self.reader_block[at] != block
            self.reader_block[at[shared & other]] = MANY
        return bool(race.any())

    def write(self, at: np.ndarray, thread: np.ndarray, block: np.ndarray, epoch: np.ndarray, *, is_atomic: bool) -> bool:
        """Note a write of the bytes `at` [n, size]; True where it races."""
        me = thread + 1
        writer, reader = self.writer[at], self.reader[at]
        race = (writer != 0) & (writer != me) & ~((self.writer_block[at] == block) & (self.writer_epoch[at] < epoch))
        race &= ~(self.by_atomic[at] & is_atomic)
        race |= (reader != 0) & (reader != me) & ~((self.reader_block[at] == block) & (self.reader_epoch[at] < epoch))
        self.writer[at] = me
        self.writer_block[at], self.writer_epoch[at], self.by_atomic[at] = block, epoch, is_atomic
        if not is_atomic:
            race |= self.writer[at] != me  # another lane of this instruction wrote it too
        return bool(race.any())

    def n_touched(self) -> int:
        return int(np.count_nonzero((self.writer != 0) | (self.reader != 0)))


class Space:
    """One array: its bytes, where it begins, and its shadow."""

    def __init__(self, name: str, data: np.ndarray, base: int) -> None:
        self.name, self.data, self.base = name, data, base
        self.shadow = Shadow(data.size)


class Memory:
    """The arrays of a launch by virtual address, and the shared and local memory of its blocks and threads."""

    def __init__(self, n_threads: int, n_blocks: int, block: np.ndarray, n_shared_bytes: int, n_local_bytes: int) -> None:
        self.spaces: list[Space] = []
        self.block, self.epoch = block, np.zeros(n_blocks, np.int64)
        self.n_shared_bytes, self.n_local_bytes = n_shared_bytes, n_local_bytes
        self.shared = Space("shared memory", np.full(n_blocks * n_shared_bytes, FRESH, np.uint8), 0)
        self.local = np.full(n_threads * n_local_bytes, FRESH, np.uint8)
        self.n_bytes: Counter[str] = Counter()
        self.n_sectors: Counter[str] = Counter()

    def add(self, name: str, data: np.ndarray) -> int:
        """Give a contiguous array an address, and return it."""
        self.spaces.append(Space(name, data.reshape(-1).view(np.uint8), (len(self.spaces) + 1) << SPACING_BITS))
        return self.spaces[-1].base

    def _places(self, address: np.ndarray, size: int, lanes: np.ndarray, space: str) -> list[tuple[Space | None, np.ndarray, np.ndarray]]:
        """Return (array, bytes [n, size], which lanes) of every array that the addresses are in."""
        if (address % np.uint64(size)).any():
            raise OutOfBoundsError(f"an address is not a multiple of {size} bytes")
        span = np.arange(size)
        every = np.arange(len(lanes))
        if space == "shared" or (space == "generic" and (address >= SHARED_BASE).all() and (address < LOCAL_BASE).all()):
            offset = (address & (SHARED_BASE - np.uint64(1))).astype(np.int64)
            self._inside("shared memory", offset, size, self.n_shared_bytes, lanes)
            return [(self.shared, (self.block[lanes] * self.n_shared_bytes + offset)[:, None] + span, every)]
        if space == "local" or (space == "generic" and (address >= LOCAL_BASE).all()):
            offset = (address & (SHARED_BASE - np.uint64(1))).astype(np.int64)
            self._inside("local memory", offset, size, self.n_local_bytes, lanes)
            return [(None, (lanes * self.n_local_bytes + offset)[:, None] + span, every)]
        number = (address >> np.uint64(SPACING_BITS)).astype(np.int64) - 1
        found = []
        for one in np.unique(number):
            mine = np.flatnonzero(number == one)
            if not 0 <= one < len(self.spaces):
                raise OutOfBoundsError(f"thread {int(lanes[mine[0]])} reaches address {int(address[mine[0]]):#x}, which is in no array")
            space_of = self.spaces[one]
            offset = address[mine].astype(np.int64) - space_of.base
            self._inside(space_of.name, offset, size, space_of.data.size, lanes[mine])
            found.append((space_of, offset[:, None] + span, mine))
        return found

    @staticmethod
    def _inside(name: str, offset: np.ndarray, size: int, n_bytes: int, lanes: np.ndarray) -> None:
        outside = (offset < 0) | (offset + size > n_bytes)
        if outside.any():
            first = int(outside.argmax())
            raise OutOfBoundsError(f"{name}: thread {int(lanes[first])} reaches byte {int(offset[first])} of {n_bytes}")

    def _count(self, kind: str, where: Space, at: np.ndarray, lanes: np.ndarray) -> None:
        """Count the bytes that lanes ask for, and the 32-byte sectors that this takes: those that a warp shares are moved once."""
        kind = f"shared {kind}" if where is self.shared else kind
        self.n_bytes[kind] += at.size
        warp = lanes // WARP_LANES  # of blocks that are whole warps
        self.n_sectors[kind] += len(np.unique(warp * (1 << SPACING_BITS) + at[:, 0] // SECTOR_BYTES))

    def load(self, address: np.ndarray, dtype: np.dtype, lanes: np.ndarray, space: str) -> np.ndarray:
        """Return what the lanes read at their addresses."""
        out = np.empty(len(lanes), dtype)
        for where, at, mine in self._places(address, dtype.itemsize, lanes, space):
            data = self.local if where is None else where.data
            out[mine] = data[at].view(dtype)[:, 0]
            if where is not None:
                self._count("load", where, at, lanes[mine])
                block = self.block[lanes[mine], None]
                if where.shadow.read(at, lanes[mine, None], block, self.epoch[block]):
                    raise RaceError(f"{where.name}: a thread reads what another one writes, and no barrier lies between")
        return out

    def store(self, address: np.ndarray, values: np.ndarray, lanes: np.ndarray, space: str) -> None:
        """Write the lanes' values to their addresses."""
        size = values.dtype.itemsize
        raw = np.ascontiguousarray(values)[:, None].view(np.uint8)
        for where, at, mine in self._places(address, size, lanes, space):
            data = self.local if where is None else where.data
            if where is not None:
                self._count("store", where, at, lanes[mine])
                self._note_write(where, at, lanes[mine], is_atomic=False)
            data[at] = raw[mine]

    def _note_write(self, where: Space, at: np.ndarray, lanes: np.ndarray, *, is_atomic: bool) -> None:
        block = self.block[lanes, None]
        if where.shadow.write(at, lanes[:, None], block, self.epoch[block], is_atomic=is_atomic):
            raise RaceError(f"{where.name}: two threads write, or one reads what another one writes, and no barrier lies between")

    def update(self, address: np.ndarray, dtype: np.dtype, lanes: np.ndarray, space: str, change) -> np.ndarray:
        """Replace the value at each address by `change(old, lane's position)`, one lane after the other; return the old ones."""
        old = np.empty(len(lanes), dtype)
        for where, at, mine in self._places(address, dtype.itemsize, lanes, space):
            if where is None:
                raise PtxError("an atomic on local memory")
            self._count("atomic", where, at, lanes[mine])
            self._note_write(where, at, lanes[mine], is_atomic=True)
            for position, place in zip(mine, at, strict=True):
                one = where.data[place].view(dtype)
                old[position] = one[0]
                where.data[place] = np.array([change(one[0], position)], dtype).view(np.uint8)
        return old
