"""A SLURM cluster of two nodes on this host, for the length of a test. It listens on the loopback
interface alone, and all it writes lies in one folder."""
import ctypes
import glob
import os
import pathlib
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time

COMMANDS = ["munged", "slurmctld", "slurmd", "sbatch", "scontrol", "squeue", "scancel", "sinfo"]
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"

CONFIGURATION = """
ClusterName=sharpsweep
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
AuthType=auth/munge
CredType=cred/munge
# Credentials live 120 s otherwise, and a requeued job waits for the end of its own.
AuthInfo=socket={folder}/munge.socket,cred_expire=5
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,bf_interval=1,sched_interval=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=1
KillWait=5
MinJobAge=600
MaxArraySize={max_array_size}
SlurmdParameters=config_overrides
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool_%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd_%n.pid
GresTypes=gpu
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=2 RealMemory=4000{gres}
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=2 RealMemory=4000{gres}
PartitionName=normal Nodes=n1,n2 Default=YES PriorityTier=1
PartitionName=urgent Nodes=n1,n2 PriorityTier=2 PreemptMode=OFF
"""


class Unavailable(Exception):
    """SLURM is not installed, or does not start here."""


def missing_commands():
    return [name for name in COMMANDS if not shutil.which(name, path=PATH)]


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Cluster:
    """A running cluster. `with Cluster(...) as cluster` stops it and removes its folder."""

    def __init__(self, max_array_size):
        if missing_commands():
            raise Unavailable("not installed: " + ", ".join(missing_commands()))
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="slurm-"))
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith(("SBATCH_", "SLURM_"))}
        self.environment.update(PATH=PATH, SLURM_CONF=str(self.folder / "slurm.conf"))
        self._clients = []
        self.has_gpus = self._make_gpu()
        (self.folder / "state").mkdir()
        (self.folder / "munge.key").write_bytes(os.urandom(128))
        (self.folder / "munge.key").chmod(0o400)
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(
            folder=self.folder, ports=free_ports(3), max_array_size=max_array_size,
            host=socket.gethostname().split(".")[0], user=pwd.getpwuid(os.geteuid()).pw_name,
            gres=" Gres=gpu:fake:1" if self.has_gpus else ""))
        self._keeper = subprocess.Popen([sys.executable, __file__, self.folder],
                                        env=self.environment, stdin=subprocess.PIPE)
        try:
            self._await_idle_nodes()
        except BaseException:
            self.stop()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.end_warnings()
        self._keeper.stdin.close()
        self._keeper.wait()

    def _make_gpu(self):
        """A device that SLURM takes for the only GPU of each node, if this user may make one."""
        gpu = self.folder / "gpu0"
        try:
            os.mknod(gpu, 0o666 | stat.S_IFCHR, os.stat("/dev/null").st_rdev)
        except OSError:
            return False
        (self.folder / "gres.conf").write_text(f"AutoDetect=off\nName=gpu Type=fake File={gpu}\n")
        return True

    def _await_idle_nodes(self):
        end = time.monotonic() + 30
        while self.call("sinfo", "--noheader", "--Node", "--partition=normal", "--format=%T",
                        check=False).split() != ["idle", "idle"]:
            if time.monotonic() > end:
                said = [line for log in self.folder.glob("*.out")
                        for line in log.read_text(errors="replace").splitlines()
                        if "fatal" in line or "Error" in line]
                raise Unavailable("; ".join(["no idle nodes within 30 s", *said]))
            time.sleep(0.05)

    def call(self, *command, check=True):
        """What a client command prints."""
        done = subprocess.run(command, env=self.environment, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30)
        if check and done.returncode != 0:
            raise RuntimeError(f"{command}: {done.stderr}")
        return done.stdout

    def warn(self, job):
        """The signal of an approaching time limit; SLURM itself checks limits only twice a minute.
        When a job stops at once, scancel goes on trying: nobody waits for it."""
        self._clients.append(subprocess.Popen(
            ["scancel", "--batch", "--signal=USR1", str(job)], env=self.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))

    def end_warnings(self):
        for client in self._clients:
            client.kill()
            client.wait()
        self._clients.clear()

    def freeze(self, node):
        """Stops the daemon and all tasks of a node, as when the whole node hangs."""
        self._frozen = [int((self.folder / f"slurmd_{node}.pid").read_text())]
        marks = {f"SLURM_CONF={self.folder}/slurm.conf".encode(),
                 f"SLURMD_NODENAME={node}".encode()}
        for environment in pathlib.Path("/proc").glob("[0-9]*/environ"):
            try:
                if marks <= set(environment.read_bytes().split(b"\0")):
                    self._frozen.append(int(environment.parent.name))
            except OSError:
                pass  # it has ended meanwhile
        self._signal_frozen(signal.SIGSTOP)

    def thaw(self):
        """They go on as if nothing had happened."""
        self._signal_frozen(signal.SIGCONT)

    def _signal_frozen(self, number):
        for process in self._frozen:
            try:
                os.kill(process, number)
            except ProcessLookupError:
                pass

    def job(self, job):
        """What SLURM knows of a job or of an element of an array."""
        text = self.call("scontrol", "--oneliner", "show", "job", str(job))
        return dict(word.split("=", 1) for word in text.splitlines()[0].split() if "=" in word)


# The rest runs in a process of its own, the parent of all daemons and of all that they leave
# behind. It ends them when its standard input is closed; that happens even when the test is killed.

def descendants(process):
    found = []
    # Not by pathlib, which raises when a folder that it saw is gone before it looks inside.
    for children in glob.glob(f"/proc/{process}/task/*/children"):
        try:
            for child in map(int, pathlib.Path(children).read_text().split()):
                found += [child, *descendants(child)]
        except OSError:
            pass  # it has ended meanwhile
    return found


def reap(*_):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def keep(folder):
    PR_SET_CHILD_SUBREAPER = 36
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGCHLD, reap)  # SLURM waits for the end of processes, zombies included
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of the test, which then closes the input
    daemons = {"munged": ["munged", "--foreground", "--force", f"--key-file={folder}/munge.key",
                          f"--socket={folder}/munge.socket", f"--pid-file={folder}/munged.pid",
                          f"--log-file={folder}/munged.log", f"--seed-file={folder}/munge.seed"],
               "slurmctld": ["slurmctld", "-D", "-i"],
               "slurmd_n1": ["slurmd", "-D", "-N", "n1"],
               "slurmd_n2": ["slurmd", "-D", "-N", "n2"]}
    for name, command in daemons.items():
        with open(f"{folder}/{name}.out", "w", encoding="utf-8") as output:
            subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                             cwd=folder, start_new_session=True)
        end = time.monotonic() + 10
        while not os.path.exists(f"{folder}/munge.socket") and time.monotonic() < end:
            time.sleep(0.01)
    sys.stdin.read()
    while left := descendants(os.getpid()):
        for process in left:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.02)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    keep(sys.argv[1])
