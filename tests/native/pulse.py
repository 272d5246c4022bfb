#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Hold the testbed to noticing an emulator that stands still, and no other.

    pulse.py TESTBED-FOLDER

The time that passes is made up, and so is what the kernel says of a process;
that it says so in those places is looked up for this process.
"""
import os
import sys
import tempfile

sys.dont_write_bytecode = True
STAT = "42 ({name}) S 1 2 3 4 5 6 7 8 9 10 {user} {system} 13 14 20 0 1 0\n"


class Clock:
    """Stands for the module time."""

    def __init__(self):
        self.now = 1000.0
        self.meanwhile = None

    def monotonic(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        if self.meanwhile:
            self.meanwhile()


class Process:
    """A process, looked at every so many seconds."""

    def __init__(self, scenario, name="qemu-system-x86"):
        self.clock = scenario.time = Clock()
        self.pulse = scenario.Pulse(os.getpid())
        self.file = tempfile.NamedTemporaryFile("w", encoding="ascii")
        self.pulse.path = self.file.name
        self.name = name
        self.ran(7, 5)

    def ran(self, user, system):
        self.file.seek(0)
        self.file.truncate()
        self.file.write(STAT.format(name=self.name, user=user, system=system))
        self.file.flush()

    def stopped_after(self, seconds):
        self.clock.now += seconds
        return self.pulse.stopped()


def standing_still(scenario, still):
    p = Process(scenario)
    # It counts from the first look, however late that is.
    if p.stopped_after(10 * still):
        yield "stopped at the first look"
    if p.stopped_after(still):
        yield "stopped too early"
    if not p.stopped_after(1):
        yield "not noticed"
    # What goes on again is not held up to it.
    p.ran(8, 5)
    if p.stopped_after(1):
        yield "stopped when it had just run"
    if p.stopped_after(still):
        yield "stopped too early after it had run"
    if not p.stopped_after(1):
        yield "not noticed the second time"


def working(scenario, still):
    for what, user, system in (("user", 1, 0), ("kernel", 0, 1)):
        p = Process(scenario)
        for n in range(20):
            p.ran(7 + n * user, 5 + n * system)
            if p.stopped_after(still - 1):
                yield f"stopped while it ran in {what} mode"
                break


def odd_name(scenario, still):
    p = Process(scenario, "a) R 1 (b c")
    p.stopped_after(1)
    p.ran(8, 5)
    if p.stopped_after(still + 1):
        yield "a name with brackets hides that it ran"
    if not p.stopped_after(still + 1):
        yield "a name with brackets hides that it stands still"


def gone(scenario, still):
    p = Process(scenario)
    p.stopped_after(1)
    p.file.close()
    if p.stopped_after(10 * still):
        yield "one that has ended stands still"


def woken(scenario, still):
    """Whether it went on after it was looked into."""
    p = Process(scenario)
    p.stopped_after(1)
    p.stopped_after(still + 1)
    # What it used for that does not count.
    p.ran(8, 5)
    if p.pulse.beats():
        yield "that it was looked into is taken for going on"
    p.clock.meanwhile = lambda: p.ran(9, 5)
    if not p.pulse.beats():
        yield "that it went on is not noticed"


def real(scenario, still):
    """The kernel's numbers are where they are looked for."""
    del still
    pulse = scenario.Pulse(os.getpid())
    hertz = os.sysconf("SC_CLK_TCK")
    while os.times().user < 0.25:
        sum(range(20000))
    before = sum(os.times()[:2]) * hertz
    pulse.stopped()
    after = sum(os.times()[:2]) * hertz
    # Each of the two numbers is rounded by itself.
    if not before - 2 <= pulse.ticks <= after + 2:
        yield f"{pulse.ticks} ticks, not {before:.0f} to {after:.0f}"


def main(argv):
    sys.path.insert(0, os.path.abspath(argv[1]))
    import scenario
    bad = False
    for test in (standing_still, working, odd_name, gone, woken, real):
        for what in test(scenario, scenario.STILL_SECONDS):
            print(f"error: {test.__name__}: {what}")
            bad = True
    return bad


if __name__ == "__main__":
    sys.exit(main(sys.argv))
