"""A throw-away cluster, when no PostgreSQL is given by the environment.

As tools/with-pg does: unix socket only, in a directory with a short name, not as root.
"""

import atexit
import glob
import os
import re
import shutil
import subprocess
import tempfile

SETTINGS = """
listen_addresses = ''
fsync = off
full_page_writes = off
max_prepared_transactions = 20
wal_level = minimal
max_wal_senders = 0
autovacuum = off
shared_buffers = 64MB
jit = off
log_min_messages = warning
log_line_prefix = '%m [%p] '
"""


def bin_directory():
    """PGBIN, else the pg_config of PG_CONFIG, else the newest installed."""
    if os.environ.get("PGBIN"):
        return os.environ["PGBIN"]
    if os.environ.get("PG_CONFIG"):
        out = subprocess.check_output([os.environ["PG_CONFIG"], "--bindir"], text=True)
        return out.strip()
    found = glob.glob("/usr/lib/postgresql/*/bin/initdb")
    found.sort(key=lambda p: int(re.search(r"/(\d+)/bin", p).group(1)))
    return os.path.dirname(found[-1])


def wanted():
    """Start one, unless libpq's environment says where to go."""
    return not (os.environ.get("PGHOST") or os.environ.get("PGPORT") or os.environ.get("PGSERVICE"))


def fast_directory():
    """Memory, where there is a gigabyte of it: a database per case is much copying."""
    try:
        room = os.statvfs("/dev/shm")
        if room.f_bavail * room.f_frsize > 2 ** 30 and os.access("/dev/shm", os.W_OK):
            return "/dev/shm"
    except OSError:
        pass
    return "/tmp"


class Cluster:
    def __init__(self):
        self.bin = bin_directory()
        self.root = tempfile.mkdtemp(prefix="fz.", dir=os.environ.get("PGTMP") or fast_directory())
        self.data = os.path.join(self.root, "data")
        self.log = os.path.join(self.root, "log")
        self.owner = self.become_owner()
        atexit.register(self.stop)

    def become_owner(self):
        """initdb refuses root: then the commands run as PGRUNAS."""
        if os.getuid() != 0:
            return []
        user = os.environ.get("PGRUNAS", "postgres")
        shutil.chown(self.root, user)
        group = subprocess.check_output(["id", "-g", user], text=True).strip()
        return ["setpriv", "--reuid=" + user, "--regid=" + group, "--init-groups",
                "env", "HOME=/tmp", "USER=" + user, "LOGNAME=" + user]

    def command(self, name, *args):
        result = subprocess.run(self.owner + [os.path.join(self.bin, name)] + list(args), cwd="/tmp",
                                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        return result

    def start(self):
        made = self.command("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-N",
                            "--no-instructions", "-E", "UTF8", "--locale=C")
        if made.returncode:
            raise SystemExit("initdb failed: " + made.stderr)
        with open(os.path.join(self.data, "postgresql.conf"), "a") as conf:
            conf.write(SETTINGS + "unix_socket_directories = '%s'\n%s\n"
                       % (self.root, os.environ.get("PGEXTRA", "")))
        started = self.command("pg_ctl", "-D", self.data, "-l", self.log, "-w", "-t", "60", "start")
        if started.returncode:
            raise SystemExit("could not start PostgreSQL: " + self.log_tail())
        return dict(host=self.root, port=5432, user="postgres", dbname="postgres")

    def log_tail(self, lines=40):
        try:
            with open(self.log, errors="replace") as log:
                return "".join(log.readlines()[-lines:])
        except OSError:
            return ""

    def stop(self):
        self.command("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")
        if not os.environ.get("PGKEEP"):
            shutil.rmtree(self.root, ignore_errors=True)
