"""Debian's Postfix and Exim, each run by a test from a configuration of its own, on the loopback.

Needs root. Each of the two packages says that it conflicts with the other, so ./bootstrap check only unpacks an Exim;
RESTANTE_EXIM names another.
"""

import os
import pathlib
import shutil
import smtplib
import subprocess

from restante import SOURCE, free_port, wire

PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
POSTFIX = shutil.which("postfix", path=PATH)
UNPACKED = SOURCE / "build/exim/usr/sbin/exim4"
EXIM = os.environ.get("RESTANTE_EXIM") or shutil.which("exim4", path=PATH) or (UNPACKED.exists() and UNPACKED)

MAIN_CF = """
compatibility_level = 3.6
config_directory = {folder}/etc
queue_directory = {folder}/queue
data_directory = {folder}/data
multi_instance_name = postfix-restante
multi_instance_enable = yes
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = test.example
mydestination = test.example
mynetworks = 127.0.0.0/8
local_recipient_maps =
alias_maps =
alias_database =
smtpd_relay_restrictions = permit_mynetworks, reject
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
biff = no
"""
MASTER_CF = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
local unix - n n - 10 local
lmtp unix - - y - - lmtp
verify unix - - n - 1 verify
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""
EXIM_CONF = """
exim_path = {exim}
primary_hostname = test.example
spool_directory = {folder}
log_file_path = {folder}/%slog
exim_user = root
exim_group = root
never_users = root
keep_environment =
return_path_remove = false
delivery_date_remove = false
envelope_to_remove = false
begin routers
local:
  driver = accept
  {router}
  transport = {transport}
begin transports
{transports}
begin retry
* * F,1h,1s
"""
# Debian's Exim wants a user of this name to exist; where there is none, one of a namespace of its own will do.
EXIM_USER = "Debian-exim"
IN_NAMESPACE = 'mount --bind "$1" /etc/passwd; mount --bind "$2" /etc/group; shift 2; exec "$@"'


class Postfix:
    """main, master: what is added to main.cf and master.cf."""

    def __init__(self, folder, main="", master=""):
        self.folder, self.port = folder, free_port()
        for name in ("etc", "queue", "data"):
            (folder / name).mkdir(parents=True)
        shutil.chown(folder / "data", "postfix")
        (folder / "etc/main.cf").write_text(MAIN_CF.format(folder=folder) + main)
        (folder / "etc/master.cf").write_text(MASTER_CF.format(port=self.port) + master)
        self.command("start")

    def command(self, word):
        subprocess.run([POSTFIX, "-c", self.folder / "etc", word], check=True, capture_output=True, timeout=60)

    def deliver(self, message, *recipients, sender="a@test.example"):
        with smtplib.SMTP("127.0.0.1", self.port) as smtp:
            refused = smtp.sendmail(sender, recipients, wire(message), ["BODY=8BITMIME"])
        assert not refused, refused

    def idle(self):
        """Is everything delivered?"""
        return not any(p.is_file() for q in ("maildrop", "incoming", "active", "deferred")
                       for p in (self.folder / "queue" / q).rglob("*"))

    def stop(self):
        self.command("stop")

    def log(self):
        return (self.folder / "log").read_text(errors="replace")[-3000:]


class Exim:
    """All mail goes to one transport; transports: their text. router: a line for its router."""

    def __init__(self, folder, transport, transports, router=""):
        self.folder = folder
        folder.mkdir()
        self.conf = folder.with_suffix(".conf")
        text = EXIM_CONF.format(exim=EXIM, folder=folder, transport=transport, transports=transports, router=router)
        self.conf.write_text(text)
        self.before = self.namespace(folder)

    def namespace(self, folder):
        files = []
        for name, line in (("passwd", f"{EXIM_USER}:x:8:8::/:/bin/false\n"), ("group", f"{EXIM_USER}:x:8:\n")):
            text = pathlib.Path("/etc", name).read_text()
            if f"\n{EXIM_USER}:" in text:
                return []
            files.append(folder.with_suffix(f".{name}"))
            files[-1].write_text(text + line)
        return ["unshare", "-m", "sh", "-ec", IN_NAMESPACE, "sh", *files]

    def deliver(self, message, *recipients, sender="b@test.example"):
        command = [*self.before, EXIM, "-i", "-C", self.conf, "-odi", "-f", sender, *recipients]
        subprocess.run(command, input=message, check=True, capture_output=True, timeout=60)

    def idle(self):
        return not list((self.folder / "input").glob("*"))

    def stop(self):
        pass

    def log(self):
        return (self.folder / "mainlog").read_text(errors="replace")[-3000:]
