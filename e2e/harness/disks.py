"""File systems of a test's own, that fail as real disks do. Needs root and loop devices."""

import fcntl
import os
import struct
import subprocess

EXT4_IOC_SHUTDOWN = 0x8004587D
WITHOUT_WRITING_BACK = 2


def run(*command):
    subprocess.run(command, check=True, capture_output=True)


class Disk:
    """An ext4 in a file. Once it has failed, every operation on it is answered with EIO, and what was not synced is gone."""

    def __init__(self, path, mib=64):
        self.path, self.image = path, path + ".img"
        os.makedirs(path)
        with open(self.image, "wb") as f:
            f.truncate(mib << 20)
        run("mkfs.ext4", "-q", self.image)
        self.mount()

    def mount(self):
        run("mount", "-o", "loop", self.image, self.path)

    def fail(self):
        fd = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, EXT4_IOC_SHUTDOWN, struct.pack("I", WITHOUT_WRITING_BACK))
        finally:
            os.close(fd)

    def heal(self):
        """As after an exchange of the cable: what was on it is there again. Nobody may use it meanwhile."""
        run("umount", self.path)
        self.mount()

    def remove(self):
        run("umount", "-l", self.path)
