"""Runs a function in several threads that take turns as often as the interpreter can."""

import sys
import threading


def run_at_once(work, count=4):
    """Call ``work(number)`` in `count` threads that start at the same moment."""
    barrier = threading.Barrier(count)

    def started(number):
        barrier.wait()
        work(number)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=started, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
