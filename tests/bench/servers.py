"""The servers that are compared: each starts with a configuration of its own, in a folder of its
own, on free ports of 127.0.0.1, and can tell its CPU time and its memory."""

import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time

from mailboxes import OWNER

ACCOUNTS = ("/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup/unified", "/sys/fs/cgroup")
CPU_FILES = ("cpuacct.usage", "cpu.stat")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def write(path, text, mode=0o644):
    with open(path, "w") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


def existing_user(name, otherwise):
    """The user, or one that every system has where Restante is not installed."""
    try:
        return pwd.getpwnam(name).pw_name
    except KeyError:
        return otherwise


class Account:
    """A cgroup, so that the CPU time of all processes of a server is counted, exited ones too."""

    def __init__(self, name):
        for root in ACCOUNTS:
            self.folder = os.path.join(root, f"restante-bench-{os.getpid()}-{name}")
            try:
                os.mkdir(self.folder)
            except OSError:
                continue
            for self.cpu_file in (os.path.join(self.folder, f) for f in CPU_FILES):
                if os.path.exists(self.cpu_file):
                    return
            os.rmdir(self.folder)
        raise SystemExit("bench: no cgroup can be made under /sys/fs/cgroup: run as root")

    def enter(self):
        write(os.path.join(self.folder, "cgroup.procs"), str(os.getpid()))

    def pids(self):
        with open(os.path.join(self.folder, "cgroup.procs")) as f:
            return [int(line) for line in f]

    def close(self):
        for _ in range(100):
            try:
                os.rmdir(self.folder)
                return
            except OSError:
                time.sleep(0.05)


class Server:
    """name: as in the table. homes: the folder with this server's Maildirs. users: {name: secret}, as
    passwd-files have it.

    The users share one uid: in Dovecot 2.3 a pop3 process that serves one user after the other cannot
    change to another uid, so the high-performance mode has no other way. Restante changes to it with
    each login, as to any other."""

    key = name = homes = None

    def __init__(self, work, users, suffix, tools):
        self.tools, self.mail = tools, os.path.join(work, self.homes + suffix)
        self.folder = os.path.join(work, "run-" + self.name.replace(" ", "-"))
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder, 0o755)
        self.plain, self.tls = free_port(), free_port()
        self.cert, self.cert_key = os.path.join(work, "cert.pem"), os.path.join(work, "key.pem")
        lines = [f"{name}:{secret}:{OWNER}:{OWNER}::{self.home(name)}::\n" for name, secret in users.items()]
        self.passwd = write(os.path.join(self.folder, "users"), "".join(lines), 0o600)
        self.config = os.path.join(self.folder, "conf")
        self.process = self.account = None
        self.cache = None  # of passwords that were right: True, False, None = as it is by default

    def home(self, user):
        return os.path.join(self.mail, user)

    def restart(self, cache=None):
        self.cache = cache
        self.stop()
        self.start()

    def start(self):
        self.configure()
        self.account = Account(self.name.replace(" ", "-"))
        with open(os.path.join(self.folder, "log"), "a") as log:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=self.account.enter)
        for _ in range(200):
            try:
                with socket.create_connection(("127.0.0.1", self.plain), 1) as s:
                    if s.recv(3) == b"+OK":
                        return
            except OSError:
                pass
            time.sleep(0.05)
        self.stop()
        raise SystemExit(f"bench: {self.name} did not start: see {self.folder}/log")

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.account:
            for pid in self.account.pids():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.account.close()
        self.process = self.account = None

    def memory(self):
        """Proportional set size of all processes, in octets."""
        total = 0
        for pid in self.account.pids():
            try:
                with open(f"/proc/{pid}/smaps_rollup") as f:
                    total += 1024 * sum(int(line.split()[1]) for line in f if line.startswith("Pss:"))
            except (OSError, ProcessLookupError):
                continue
        return total


class Dovecot(Server):
    key, name, homes = "dovecot", "dovecot", "mail-dovecot"
    pam = f"/etc/pam.d/restante-bench-{os.getpid()}"

    def configure(self):
        write(self.config, f"""\
protocols = pop3
listen = 127.0.0.1
base_dir = {self.folder}/base
state_dir = {self.folder}/state
log_path = {self.folder}/dovecot.log
disable_plaintext_auth = no
{self.auth_cache()}ssl = yes
ssl_cert = <{self.cert}
ssl_key = <{self.cert_key}
mail_location = maildir:~/Maildir
first_valid_uid = 1000
{self.passdb()}userdb {{
  driver = passwd-file
  args = {self.passwd}
}}
service pop3-login {{
  inet_listener pop3 {{
    port = {self.plain}
  }}
  inet_listener pop3s {{
    port = {self.tls}
    ssl = yes
  }}
{self.login_service()}}}
service pop3 {{
{self.pop3_service()}}}
""")
        os.chown(self.passwd, pwd.getpwnam("dovecot").pw_uid, 0)

    def auth_cache(self):
        return "auth_cache_size = 10M\nauth_cache_ttl = 1 hour\n" if self.cache else ""

    def passdb(self):
        """What its cache keeps of a passwd-file is the hash, which is then computed for each login; what it keeps of
        PAM is a quick one of its own. So with the cache it has a PAM that lets everybody in: its best case."""
        if not self.cache:
            return f"passdb {{\n  driver = passwd-file\n  args = {self.passwd}\n}}\n"
        write(self.pam, "auth required pam_permit.so\naccount required pam_permit.so\n")
        return f"passdb {{\n  driver = pam\n  args = cache_key=%u {os.path.basename(self.pam)}\n}}\n"

    def stop(self):
        super().stop()
        if os.path.exists(self.pam):
            os.unlink(self.pam)

    def login_service(self):
        return ""

    def pop3_service(self):
        return ""

    def command(self):
        return ["/usr/sbin/dovecot", "-F", "-c", self.config]

    @staticmethod
    def installed(_tools):
        return os.path.exists("/usr/sbin/dovecot") and bool(glob.glob("/usr/lib/dovecot/pop3-login"))


class DovecotFast(Dovecot):
    """Its high-performance mode: processes serve more than one connection."""

    key, name = "fast", "dov. fast"

    def login_service(self):
        return f"  service_count = 0\n  process_min_avail = {os.cpu_count()}\n"

    def pop3_service(self):
        return "  service_count = 0\n  process_min_avail = 8\n"


class Restante(Server):
    key, name, homes = "restante", "restante", "mail-restante"

    @staticmethod
    def installed(tools):
        return os.path.exists(os.path.join(tools, "restanted"))

    def configure(self):
        login, auth = existing_user("_restante-login", "nobody"), existing_user("_restante-auth", "daemon")
        write(self.config, f"""\
listen = {{ "127.0.0.1:{self.plain}", "127.0.0.1:{self.tls}/tls" }}
tls_cert = {{ "{self.cert}" }}
tls_key = {{ "{self.cert_key}" }}
plaintext_auth = "always"
max_connections = 0
max_connections_per_address = 0
login_user = "{login}"
auth_user = "{auth}"
plugin_path = {{ "{self.tools}/.libs" }}
runtime_dir = "{self.folder}/run"
{"auth_cache_ttl = 0" if self.cache is False else ""}
auth = {{ "passwd-file" }}
storage = "maildir"
auth-passwd-file {{ path = "{self.passwd}" }}
storage-maildir {{ path = "~/Maildir" }}
""")
        os.chown(self.passwd, pwd.getpwnam(auth).pw_uid, 0)

    def command(self):
        return [os.path.join(self.tools, "restanted"), "-f", "-c", self.config]
