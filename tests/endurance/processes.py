"""What a server and the whole machine use, and whether that stays as it is."""

import os
import statistics
from pathlib import Path

# What may grow from the first third of the samples to the last, the warm-up left out: a share, and a number on top of it.
ALLOWED = {"rss": (0.05, 2048), "parent rss": (0.05, 1024), "largest rss": (0.05, 1024), "descriptors": (0.05, 4), "parent descriptors": (0, 0),
           "threads": (0, 0), "shared": (0, 0), "sysv": (0, 0)}


def _lines(path):
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _count(path):
    try:
        return len(os.listdir(path))
    except OSError:
        return 0


def _status(pid):
    return dict(line.split(":", 1) for line in _lines(f"/proc/{pid}/status") if ":" in line)


def rss(pid):
    """KiB."""
    return int(_status(pid).get("VmRSS", "0").split()[0])


def threads(pid):
    return int(_status(pid).get("Threads", "0"))


def shared_mappings(pid):
    """Regions of shared memory that are no program or library."""
    return sum(fields[1].endswith("s") for fields in (line.split(None, 5) for line in _lines(f"/proc/{pid}/maps")) if len(fields) > 1)


def of_sysv(pids):
    """System V segments that one of these processes made, and all semaphore sets of the machine that the account of them owns."""
    made = sum(int(line.split()[4]) in pids for line in _lines("/proc/sysvipc/shm")[1:])
    return made + len(_lines("/proc/sysvipc/sem")[1:])


def children_of(parent):
    found = set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            stat = "".join(_lines(f"/proc/{name}/stat")).rpartition(")")[2].split()
            if stat and int(stat[1]) == parent:
                found.add(int(name))
    return found


def measure(parent):
    """What a server uses now: its parent, and all of its children together."""
    children = children_of(parent)
    each = [rss(pid) for pid in children]
    return {"children": len(children), "rss": sum(each), "largest rss": max(each, default=0), "parent rss": rss(parent),
            "descriptors": sum(_count(f"/proc/{pid}/fd") for pid in children), "parent descriptors": _count(f"/proc/{parent}/fd"),
            "threads": sum(threads(pid) for pid in children), "shared": shared_mappings(parent), "sysv": of_sysv({parent, *children})}


def machine():
    """Of everybody on it: System V segments and semaphore sets, POSIX shared memory, open files, KiB of memory at hand."""
    available = next((line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemAvailable")), "0")
    return {"sysv segments": len(_lines("/proc/sysvipc/shm")[1:]), "sysv semaphores": len(_lines("/proc/sysvipc/sem")[1:]),
            "posix shared": _count("/dev/shm"), "files": int("".join(_lines("/proc/sys/fs/file-nr")).split()[0]), "available": int(available)}


def judge(samples, names):
    """(lines of a table, names of what grew): medians of the first and the last third."""
    third = max(1, len(samples) // 3)
    lines, grown = [], []
    for name in names:
        first, last = (statistics.median(one[name] for one in part) for part in (samples[:third], samples[-third:]))
        share, more = ALLOWED[name]
        most = first * (1 + share) + more
        if last > most:
            grown.append(name)
        lines.append(f"  {name:20} {first:10.0f} {last:10.0f}   at most {most:10.0f}   {'flat' if last <= most else 'NOT FLAT'}")
    return lines, grown
