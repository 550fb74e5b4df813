"""Runs a program once for each file named on standard input, and says what that took.

Arguments: the program, a file for its result. Answers: milliseconds, kilobytes of memory at the
peak, the program's status, and the first line of what it complained of, apart by tabs.
"""

import os
import sys
import time

program, result = sys.argv[1:]
complaint = result + ".txt"
for line in sys.stdin:
    source = line.rstrip("\n")
    arguments = [program, "image", source, "-o", result, "--options", "width=100,format=webp"]
    actions = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    actions += [(os.POSIX_SPAWN_OPEN, 2, complaint, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)]
    since = time.perf_counter()
    child = os.posix_spawn(program, arguments, os.environ, file_actions=actions)
    _, status, used = os.wait4(child, 0)
    took = (time.perf_counter() - since) * 1000
    with open(complaint, encoding="utf-8", errors="replace") as text:
        said = text.readline().strip().replace("\t", " ")
    code = os.waitstatus_to_exitcode(status)
    print(f"{took:.2f}\t{used.ru_maxrss}\t{code}\t{said}", flush=True)
