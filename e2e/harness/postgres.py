"""A private PostgreSQL, for tests that run control planes without `headrace up`."""

import glob
import os
import pwd
import shutil
import subprocess

from harness.wait import until


class Postgres:
    def __init__(self, folder, port):
        self.data, self.port = os.path.join(folder, "pg"), port
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
        self.bin = found[-1] if found else os.path.dirname(shutil.which("initdb"))
        self.as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self.process = None

    @property
    def url(self):
        return f"postgres://e2e@127.0.0.1:{self.port}/postgres"

    def start(self):
        os.makedirs(self.data, mode=0o700)
        if os.geteuid() == 0:
            os.chown(self.data, pwd.getpwnam("postgres").pw_uid, -1)
        subprocess.run([*self.as_user, f"{self.bin}/initdb", "-D", self.data, "-U", "e2e", "-A", "trust", "-N"],
                       check=True, capture_output=True, cwd="/")
        self.process = subprocess.Popen(
            [*self.as_user, f"{self.bin}/postgres", "-D", self.data, "-h", "127.0.0.1", "-p", str(self.port), "-k", ""],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/")
        until("PostgreSQL", lambda: subprocess.run(
            [f"{self.bin}/pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]).returncode == 0)

    def stop(self):
        if self.process:
            subprocess.run([*self.as_user, f"{self.bin}/pg_ctl", "-D", self.data, "-m", "immediate", "stop"],
                           capture_output=True, cwd="/")
            self.process.wait(20)
