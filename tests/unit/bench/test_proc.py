"""Reading CPU time and memory as Linux tells them."""

import os
import subprocess
import sys
import threading

import pytest

from bench import proc
from bench.proc import Stat, family, parse_kib, parse_stat

LINE = "4242 (a (very) odd name) S 17 4242 4242 0 -1 4194304 300 99744 0 62 7 8 90 100 20 0 1 0 97879 459 484"
STATUS = "Name:\tpython\nVmPeak:\t  151900 kB\nVmRSS:\t    9572 kB\nThreads:\t1\n"

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the bench reads /proc, which only Linux has")


def stat(pid: int, parent: int) -> Stat:
    return Stat(pid, parent, 0, 0, 0, 0)


def spin(iterations: int) -> None:
    for _ in range(iterations):
        pass


def test_a_name_with_blanks_and_parentheses_is_skipped() -> None:
    assert parse_stat(LINE) == Stat(pid=4242, parent=17, utime=7, stime=8, cutime=90, cstime=100)


def test_own_and_reaped_time_are_apart() -> None:
    assert (parse_stat(LINE).own_ticks, parse_stat(LINE).reaped_ticks) == (15, 190)


def test_resident_memory_is_read_from_the_status() -> None:
    assert parse_kib(STATUS, "VmRSS") == 9572


def test_a_status_without_the_line_is_refused() -> None:
    with pytest.raises(ValueError, match="VmRSS"):
        parse_kib("Name:\tzombie\n", "VmRSS")


def test_a_family_is_the_root_with_all_that_descend_from_it() -> None:
    stats = [stat(1, 0), stat(9, 5), stat(5, 3), stat(3, 1), stat(4, 1), stat(6, 3)]
    assert {member.pid for member in family(3, stats)} == {3, 5, 6, 9}


def test_a_root_that_has_ended_has_no_family() -> None:
    assert family(7, [stat(1, 0)]) == []


@on_linux
def test_the_time_of_an_ended_thread_and_of_an_ended_child_counts() -> None:
    before = proc.cpu_seconds(os.getpid())
    thread = threading.Thread(target=spin, args=(2_000_000,))
    thread.start()
    thread.join()
    with_thread = proc.cpu_seconds(os.getpid())
    subprocess.run([sys.executable, "-c", "for _ in range(5_000_000): pass"], check=True)
    assert with_thread - before > 0.01
    assert proc.cpu_seconds(os.getpid()) - with_thread > 0.05


@on_linux
def test_a_live_process_has_resident_memory() -> None:
    assert 1 < proc.resident_mib(os.getpid()) < 10_000
