"""How the embedded store is opened: made, completed, taken over from former versions, or only read."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import tempfile
import weakref
from pathlib import Path

from ...configs.errors import StoreError
from .collection import Collection
from .database import LOCK_SECONDS, Database, StoreAwayError
from .former import copied_former, has_former, import_former, living_process, set_aside

__all__ = ["FILE", "open_database"]

#: the database in the store's folder
FILE = "catholyte.sqlite"
_LOCK = "writer.lock"
#: file systems that several hosts can mount
_NETWORK = frozenset(
    {
        *("nfs", "nfs3", "nfs4", "lustre", "gpfs", "beegfs", "ceph", "panfs", "wekafs", "orangefs", "pvfs2", "afs"),
        *("cifs", "smb3", "smbfs", "glusterfs", "ocfs2", "fuse.glusterfs", "fuse.juicefs", "fuse.sshfs"),
    }
)


def open_database(folder: Path, create: bool) -> Database:
    """Open the embedded store in `folder`.

    Parameters
    ----------
    folder : Path
    create : bool
        Make it where there is none, and write into it; otherwise it is read, and may lie where nothing can be written.

    Raises
    ------
    StoreError
        If there is none to read, it is not writable but is to be written, another process holds it, it is damaged, or
        other hosts write into it over a network file system.
    """
    if not create and not (folder / FILE).exists() and not has_former(folder):
        raise StoreError(
            f"{folder}: there is no store here",
            "`catholyte run RECIPE` makes one (`catholyte new` writes a recipe); name another with --store",
        )
    if create:
        _make_folder(folder)
    elif not os.access(folder, os.W_OK):
        return _read_only(folder)
    network = network_type(folder)
    try:
        database = _open_writable(folder, create, network=network is not None)
    except StoreAwayError:
        if create or not (folder / FILE).exists():
            raise
        return _read_only(folder)  # a full disk: reading needs none of it
    if network is not None:
        _check_hosts(database, folder, network, create)
    return database


def _make_folder(folder: Path) -> None:
    try:
        (folder / "work").mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(13, "Permission denied")
    except OSError as error:
        raise StoreError(
            f"{folder}: the store is not writable: {error.strerror or error}", "name another folder with --store"
        ) from None


def _open_writable(folder: Path, create: bool, *, network: bool) -> Database:
    from filelock import FileLock, Timeout

    file = folder / FILE
    if file.exists() and file.stat().st_size and not has_former(folder):
        database = Database(file, network=network)
        if database.is_whole():
            return database
        database.close()
    lock = FileLock(folder / _LOCK, timeout=LOCK_SECONDS)
    try:
        lock.acquire()
    except Timeout:
        raise StoreAwayError(
            f"another process has held the store's lock {lock.lock_file} for {lock.timeout:g} s",
            "look for a process that hangs: the lock ends with it",
        ) from None
    except OSError as error:
        raise StoreAwayError(f"{folder}: the store cannot be opened: {error.strerror or error}") from None
    try:
        if has_former(folder):
            if process := living_process(folder):
                if create:
                    raise StoreError(
                        f"{folder}: {process} computes in this store with a former version",
                        "let it end, or end it; then the store is taken over",
                    )
                return _copied(folder)
            _take_over(folder, network=network)
        database = Database(file, network=network)
        if not database.is_whole():
            database.create()
        return database
    finally:
        lock.release()


def _take_over(folder: Path, *, network: bool) -> None:
    """Turn a store of former versions into this one's; the former files stay until the new one is verified."""
    logging.getLogger(__name__).info("%s: the store of a former version is taken over", folder)
    partial = folder / f"{FILE}.partial"
    for left in folder.glob(f"{FILE}.partial*"):
        left.unlink()
    if (folder / FILE).exists():  # killed after the new file took its place, or used by a former version again
        database = Database(folder / FILE, network=network)
        database.create()
        import_former(folder, database, keep=True)
        database.close()
    else:
        database = Database(partial, network=network)
        database.create()
        import_former(folder, database)
        database.close()
        partial.replace(folder / FILE)
        _sync(folder)
    set_aside(folder)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read_only(folder: Path) -> Database:
    """The store where nothing can be written."""
    file = folder / FILE
    if not file.exists():
        return _copied(folder)
    pending = [side for ending in ("-wal", "-journal") if (side := Path(f"{file}{ending}")).exists()]
    for options in ["mode=ro"] + ["mode=ro&immutable=1"] * (not any(side.stat().st_size for side in pending)):
        database = Database(file, options)
        try:
            if database.is_whole():
                return database
        except StoreError:  # what hinders reading here does not hinder reading a copy, or is told there
            continue
    return _copied(folder)


def _copied(folder: Path) -> Database:
    """A copy that can be read: what an interrupted writer left is worked up there, or a former store taken over."""
    place = Path(tempfile.mkdtemp(prefix="catholyte-"))
    for ending in ("", "-wal", "-journal"):
        if (folder / f"{FILE}{ending}").exists():
            shutil.copyfile(folder / f"{FILE}{ending}", place / f"{FILE}{ending}")
    database = Database(place / FILE)
    weakref.finalize(database, shutil.rmtree, place, ignore_errors=True)
    if not database.is_whole():
        database.create()
    if not (folder / FILE).exists():
        import_former(copied_former(folder, place), database)
    return database


def network_type(folder: Path) -> str | None:
    """Type of the network file system on which a folder lies; None for a disk of this host."""
    import psutil

    mounted = [
        (len(disk.mountpoint), number, disk.fstype)
        for number, disk in enumerate(psutil.disk_partitions(all=True))
        if folder.resolve().is_relative_to(disk.mountpoint)
    ]
    found = max(mounted, default=(0, 0, ""))[2].lower()
    return found if found in _NETWORK else None


def _check_hosts(database: Database, folder: Path, network: str, create: bool) -> None:
    """Refuse to write where another host has written: locks of SQLite are not safe there."""
    here = socket.gethostname()
    records = Collection(database, "states").find({}, ["host"])
    others = sorted({str(record["host"]) for record in records if record.get("host")} - {here})
    if others and create:
        database.close()
        raise StoreError(
            f"{folder}: jobs of {', '.join(others[:3])} stand in this store, which lies on {network}: hosts that write "
            "into one file over a network spoil it",
            "name a MongoDB with --store mongodb://…, or copy the folder to a disk of this host",
        )
    logging.getLogger(__name__).warning(
        "%s lies on %s: use this store from %s alone, or name a MongoDB with --store", folder, network, here
    )
