# SPDX-License-Identifier: GPL-2.0-only
"""Pictures of the emulated machine's display, for tests that ask for them.

A test prints "XG-SCREENDUMP NAME" and reads its answer from the virtio port
xg.answers: "NAME CRC32 WIDTHxHEIGHT", with the checksum over the picture's
red, green and blue bytes, row by row.  So what the display shows is compared
inside, with what it should show.  The picture itself stays as out/NAME.png.
"""
import os
import re
import struct
import zlib

import monitor


def arguments(folder):
    """QEMU's, beside its monitor's, with @folder as QEMU sees it."""
    return ["-chardev", f"socket,id=answers,path={folder}/answers,"
            "server=on,wait=off",
            "-device", "virtserialport,chardev=answers,name=xg.answers"]


def read_ppm(path):
    with open(path, "rb") as f:
        data = f.read()
    head = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", data)
    width, height = int(head[1]), int(head[2])
    return width, height, data[head.end():]


def write_png(path, width, height, rgb):
    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + \
            struct.pack(">I", zlib.crc32(body))

    rows = b"".join(b"\0" + rgb[y * width * 3:(y + 1) * width * 3]
                    for y in range(height))
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n"
                + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height,
                                             8, 2, 0, 0, 0))
                + chunk(b"IDAT", zlib.compress(rows))
                + chunk(b"IEND", b""))


class Screen:
    """The display of one run."""

    def __init__(self, folder, inside, device, qmp):
        self.folder = folder
        self.inside = inside
        self.device = device
        self.qmp = qmp
        self.answers = None

    def dump(self, name):
        """One picture, and the answer; a test that gets none fails."""
        try:
            text = self.picture(re.sub(r"[^\w-]", "-", name))
        except (OSError, ValueError, TypeError) as e:
            text = f"{name} failed: {e}"
        if not self.answers:
            self.answers = monitor.connect(os.path.join(self.folder, "answers"))
        self.answers.sendall(text.encode() + b"\n")

    def picture(self, name):
        ppm = os.path.join(self.folder, "screen.ppm")
        reply = self.qmp.command("screendump", device=self.device,
                                 filename=f"{self.inside}/screen.ppm")
        if "error" in reply:
            raise ValueError(reply["error"].get("desc"))
        width, height, rgb = read_ppm(ppm)
        os.unlink(ppm)
        out = os.path.join(self.folder, "out")
        os.makedirs(out, exist_ok=True)
        write_png(os.path.join(out, name + ".png"), width, height, rgb)
        return f"{name} {zlib.crc32(rgb):08x} {width}x{height}"
