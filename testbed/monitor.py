# SPDX-License-Identifier: GPL-2.0-only
"""QEMU's monitor: what the testbed asks the emulator itself.

The socket lies in the run's folder.  QEMU knows that by another name, as it
runs inside the tool root, and a path to it may be longer than an address can
be: hence the two names, and the way by an open folder.
"""
import json
import os
import socket

# Of a machine that does nothing any more: who waits for what.
AUTOPSY = ("info status", "info cpus", "info registers -a", "info lapic 0",
           "info lapic 1", "info pic", "info irq")


def connect(path):
    """A stream socket, in @path's folder."""
    folder = os.open(os.path.dirname(path), os.O_PATH)
    try:
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(20)
        s.connect(f"/proc/self/fd/{folder}/{os.path.basename(path)}")
        return s
    finally:
        os.close(folder)


def arguments(folder):
    """QEMU's, with @folder as QEMU sees it."""
    return ["-qmp", f"unix:{folder}/qmp,server=on,wait=off"]


class Monitor:
    """That of one run; connects when it is first asked."""

    def __init__(self, folder):
        self.folder = folder
        self.stream = None

    def command(self, name, **arguments):
        """Return: QEMU's reply, with "return" or "error" in it."""
        if not self.stream:
            path = os.path.join(self.folder, "qmp")
            self.stream = connect(path).makefile("rw")
            self.stream.readline()
            self.command("qmp_capabilities")
        self.stream.write(json.dumps({"execute": name,
                                      "arguments": arguments}))
        self.stream.flush()
        while True:
            line = self.stream.readline()
            if not line:
                raise OSError("the emulator ended")
            reply = json.loads(line)
            if "return" in reply or "error" in reply:
                return reply

    def autopsy(self, path):
        """Write to @path what the machine is at, as far as QEMU tells.

        Asking wakes QEMU's thread for the CPUs.  A machine that goes on after
        that had lost a wake-up on its way.
        """
        with open(path, "w", encoding="utf-8") as out:
            for line in AUTOPSY:
                try:
                    reply = self.command("human-monitor-command",
                                         **{"command-line": line})
                except (OSError, ValueError) as e:
                    out.write(f"(qemu) {line}\n{e}\n")
                    return
                out.write(f"(qemu) {line}\n{reply.get('return', reply)}\n")
