"""docker-machine 0.16.2: what it answers, and a real engine behind every machine it makes.

Its messages are the recorded ones and, where a situation was not recorded, those of its sources. A machine is a file
config.json in the user's home, as with the real program, and a machine of the test bed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable

from . import engines, shared
from .shared import complain, fault, recorded, say

_RECORD = "docker-machine-0.16.2"
_SWITCHES = {
    "-u", "--unset", "--no-proxy", "--swarm", "-f", "--force", "--client-certs", "-y", "-q", "--quiet", "--swarm-master",
    "--swarm-experimental", "--virtualbox-host-dns-resolver", "--virtualbox-hostonly-no-dhcp", "--virtualbox-no-dns-proxy",
    "--virtualbox-no-share", "--virtualbox-no-vtx-check",
}  # fmt: skip
_NOT_LISTENING = "Unable to verify the Docker daemon is listening: Maximum number of retries (10) exceeded"
_RETRIES = 3  # of those that the real program makes 10 or 60 of, three seconds apart


class MachineError(Exception):
    """What the program says on standard error before it exits with 1."""


class PreCreateError(MachineError):
    """The same before anything was made: it exits with 3."""


# --- command line ----------------------------------------------------------------------------------------------------


def parse(command: str, words: list[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Return a command's options (a switch has no values) and its arguments; flags may follow the arguments."""
    flags = json.loads(recorded(f"{_RECORD}/flags.json"))
    if command not in flags:
        raise shared.Unrecorded(f"a command {command}")
    known = {name: names[-1] for names in flags[command] for name in names}
    if command == "rm":
        known["-y"] = "-y"  # the recording of the flags has long ones only
    options: dict[str, list[str]] = {}
    arguments = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            arguments.append(word)
            continue
        name, equals, value = word.partition("=")
        if name not in known:
            raise shared.Unrecorded(f"a flag {name} of {command}")
        values = options.setdefault(known[name], [])
        if name in _SWITCHES:
            continue
        if not equals and not rest:
            raise shared.Unrecorded(f"{name} without a value")
        values.append(value if equals else rest.pop(0))
    return options, arguments


def main(words: list[str]) -> int:
    """Answer one call; the exit code."""
    command, *rest = words or [""]
    if command == "ssh":  # what follows is the machine's command, flags and all
        options: dict[str, list[str]] = {}
        arguments = rest
    else:
        options, arguments = parse(command, rest)
    answer = _COMMANDS.get(command)
    if answer is None:
        raise shared.Unrecorded(f"the answers of {command}")
    try:
        answer(options, arguments)
    except MachineError as error:
        complain(str(error))
        return 3 if isinstance(error, PreCreateError) else 1
    return 0


def _one(arguments: list[str]) -> str:
    if len(arguments) != 1:
        raise shared.Unrecorded("a call without exactly one machine")
    return arguments[0]


def _nothing_of(options: dict[str, list[str]], *answered: str) -> None:
    for name in options:
        if name not in answered:
            raise shared.Unrecorded(f"the answer to {name}")


# --- machines --------------------------------------------------------------------------------------------------------


def store() -> Path:
    """Return the directory of the machines and certificates."""
    return Path(os.environ.get("MACHINE_STORAGE_PATH") or shared.home() / ".docker/machine")


def directory(name: str) -> Path:
    """Return the directory of a machine."""
    return store() / "machines" / name


def load(name: str) -> dict[str, Any]:
    """Return a machine's document. MachineError when there is no such machine."""
    file = directory(name) / "config.json"
    if not file.exists():
        raise MachineError(recorded(f"{_RECORD}/inspect-nosuch.err").strip().replace("nosuch", name))
    document: dict[str, Any] = json.loads(file.read_text())
    return document


def save(document: dict[str, Any]) -> None:
    """Write a machine's document."""
    file = directory(document["Name"]) / "config.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document, indent=4))


def real(name: str) -> engines.Machine:
    """Return the real machine behind a machine. MachineError when somebody removed it behind the program's back."""
    machine = engines.find(f"docker-machine:{name}")
    if machine is None:
        raise MachineError("machine does not exist")
    return machine


def running(name: str) -> bool:
    """Tell whether a machine is up."""
    return engines.state(real(name)) == engines.RUNNING


def address(document: dict[str, Any]) -> str:
    """Return a machine's address. MachineError when it is off."""
    if not running(document["Name"]):
        raise MachineError("Host is not running")
    return real(document["Name"]).address


def probe(document: dict[str, Any]) -> tuple[str, str]:
    """Ask the engine for its version over TLS, with the real CLI: (version, "") or ("", what is wrong)."""
    where = f"{address(document)}:{engines.PORT}"
    auth = document["HostOptions"]["AuthOptions"]
    words = [
        shared.setting("cli"), "--host", f"tcp://{where}", "--tlsverify", "--tlscacert", auth["CaCertPath"],
        "--tlscert", auth["ClientCertPath"], "--tlskey", auth["ClientKeyPath"], "version", "--format", "{{.Server.Version}}",
    ]  # fmt: skip
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DOCKER_")}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return done.stdout.strip(), ""
    if "Cannot connect to the Docker daemon" in done.stderr:
        return "", f"dial tcp {where}: connect: connection refused"
    return "", re.sub(r'^.*?": |^unable to resolve docker endpoint: ', "", done.stderr.strip().splitlines()[0])


# --- questions -------------------------------------------------------------------------------------------------------


def inspect(options: dict[str, list[str]], arguments: list[str]) -> None:
    """Print the document."""
    _nothing_of(options)
    say(json.dumps(load(_one(arguments)), indent=4))


def status(_options: dict[str, list[str]], arguments: list[str]) -> None:
    """Print the state."""
    name = _one(arguments)
    load(name)
    try:
        say(engines.state(real(name)))
    except MachineError as error:
        raise MachineError(f"error getting state for host {name}: {error}") from error


def version(_options: dict[str, list[str]], arguments: list[str]) -> None:
    """Print the program's version, or a machine's engine's."""
    if not arguments:
        say(recorded(f"{_RECORD}/version.out").rstrip("\n"))
        return
    document = load(_one(arguments))
    try:
        found, wrong = probe(document)
    except MachineError as error:
        raise MachineError(f"Unable to query docker version: {error}") from error
    if "connection refused" in wrong:
        wrong = "Cannot connect to the docker engine endpoint"
    elif wrong.startswith("open "):
        wrong = f"Unable to read TLS config: {wrong}"
    elif wrong:
        wrong = f"Get https://{address(document)}:{engines.PORT}/v1.15/version: {wrong}"
    if wrong:
        raise MachineError(f"Unable to query docker version: {wrong}")
    say(found)


def _check_connection(document: dict[str, Any]) -> None:
    """Refuse an engine that does not answer, or that shows a wrong certificate; the client's is not looked at."""
    wrong = probe(document)[1]
    if wrong and "remote error: tls:" not in wrong:
        raise MachineError(
            "Error checking and/or regenerating the certs: There was an error validating certificates for host "
            f'"{address(document)}:{engines.PORT}": {wrong}\n'
            "You can attempt to regenerate them using 'docker-machine regenerate-certs [name]'.\n"
            "Be advised that this will trigger a Docker daemon restart which might stop running containers.\n"
        )


def _as_recorded(text: str, document: dict[str, Any]) -> str:
    """Return a recorded text with this machine's name, address and paths."""
    text = text.replace(f"{shared.RECORDED_HOME}/.docker/machine", str(store()))
    text = text.replace(shared.RECORDED_ADDRESS, address(document))
    return re.sub(rf"(?<=[ /\"]){shared.RECORDED_NAME}\b", document["Name"], text)


def env(options: dict[str, list[str]], arguments: list[str]) -> None:
    """Print the variables of a machine for a shell."""
    _nothing_of(options, "--shell")
    document = load(_one(arguments))
    try:
        _check_connection(document)
    except MachineError as error:
        raise MachineError(f"Error checking TLS connection: {error}") from error
    shell = options.get("--shell", [Path(os.environ.get("SHELL", "")).name])[-1]
    if not shell:
        sys.stdout.write(recorded(f"{_RECORD}/env-noshell.out"))
        raise MachineError(recorded(f"{_RECORD}/env-noshell.err").strip())
    if not (shared.HERE / f"recorded/{_RECORD}/env-{shell}.out").exists():
        raise shared.Unrecorded(f"the shell {shell}")
    sys.stdout.write(_as_recorded(recorded(f"{_RECORD}/env-{shell}.out"), document))


def config(options: dict[str, list[str]], arguments: list[str]) -> None:
    """Print the Docker CLI's options for a machine."""
    _nothing_of(options)
    document = load(_one(arguments))
    try:
        _check_connection(document)
    except MachineError as error:
        raise MachineError(f"Error running connection boilerplate: {error}") from error
    sys.stdout.write(_as_recorded(recorded(f"{_RECORD}/config-dev.out"), document))


def url(_options: dict[str, list[str]], arguments: list[str]) -> None:
    """Print where the engine is."""
    say(f"tcp://{address(load(_one(arguments)))}:{engines.PORT}")


def ip(_options: dict[str, list[str]], arguments: list[str]) -> None:
    """Print where the machine is."""
    document = load(_one(arguments))
    try:
        say(address(document))
    except MachineError as error:
        raise MachineError(f"Error getting IP address: {error}") from error


def ls(options: dict[str, list[str]], arguments: list[str]) -> None:
    """Print a table of all machines, or their names."""
    _nothing_of(options, "--quiet")
    if arguments:
        raise shared.Unrecorded("ls with arguments")
    names = sorted(each.parent.name for each in store().glob("machines/*/config.json"))
    if "--quiet" in options:
        say(*names)
        return
    rows = [recorded(f"{_RECORD}/ls.out").splitlines()[0].split()]
    for name in names:
        document = load(name)
        where, found, wrong = "", "Unknown", ""
        if running(name):
            where = f"tcp://{address(document)}:{engines.PORT}"
            found, wrong = probe(document)
            found = f"v{found}" if found else "Unknown"
        active = "*" if where and where == os.environ.get("DOCKER_HOST") else "-"
        rows.append([name, active, document["DriverName"], engines.state(real(name)), where, "", found, wrong])
    widths = [max(5, *(len(row[column]) + 3 for row in rows)) for column in range(7)]
    say(*("".join(f"{cell:<{width}}" for cell, width in zip(row, [*widths, 0])) for row in rows))


# --- making a machine ------------------------------------------------------------------------------------------------


def _driver_of(name: str, options: dict[str, list[str]]) -> dict[str, Any]:
    """Return what the VirtualBox driver knows of a new machine, in its own order."""

    def text(flag: str, default: str) -> str:
        return options.get(f"--virtualbox-{flag}", [default])[-1]

    base = json.loads(recorded(f"{_RECORD}/inspect-dev.out"))["Driver"]
    for key in ("EnginePort", "SSHKey"):  # of the generic driver
        del base[key]
    return {
        **base,
        "IPAddress": "",
        "MachineName": name,
        "SSHUser": "docker",
        "SSHKeyPath": str(directory(name) / "id_rsa"),
        "StorePath": str(store()),
        "VBoxManager": {},
        "HostInterfaces": {},
        "CPU": int(text("cpu-count", "1")),
        "Memory": int(text("memory", "1024")),
        "DiskSize": int(text("disk-size", "20000")),
        "NatNicType": text("nat-nictype", "82540EM"),
        "Boot2DockerURL": text("boot2docker-url", ""),
        "Boot2DockerImportVM": text("import-boot2docker-vm", ""),
        "HostDNSResolver": "--virtualbox-host-dns-resolver" in options,
        "HostOnlyCIDR": text("hostonly-cidr", "192.168.99.1/24"),
        "HostOnlyNicType": text("hostonly-nictype", "82540EM"),
        "HostOnlyPromiscMode": text("hostonly-nicpromisc", "deny"),
        "UIType": text("ui-type", "headless"),
        "HostOnlyNoDHCP": "--virtualbox-hostonly-no-dhcp" in options,
        "NoShare": "--virtualbox-no-share" in options,
        "DNSProxy": "--virtualbox-no-dns-proxy" not in options,
        "NoVTXCheck": "--virtualbox-no-vtx-check" in options,
        "ShareFolder": text("share-folder", ""),
    }


def new_document(name: str, options: dict[str, list[str]]) -> dict[str, Any]:
    """Return the document of a new machine, of the recorded shape."""
    text = recorded(f"{_RECORD}/inspect-dev.out").replace(f"{shared.RECORDED_HOME}/.docker/machine", str(store()))
    document: dict[str, Any] = json.loads(text.replace(f"machines/{shared.RECORDED_NAME}", f"machines/{name}"))
    document.update(Driver=_driver_of(name, options), DriverName="virtualbox", Name=name)
    document["HostOptions"]["AuthOptions"]["ServerCertSANs"] = options.get("--tls-san", [])
    document["HostOptions"]["EngineOptions"].update(
        ArbitraryFlags=options.get("--engine-opt", []),
        Env=options.get("--engine-env", []),
        InsecureRegistry=options.get("--engine-insecure-registry", []),
        Labels=options.get("--engine-label", []),
        StorageDriver=options.get("--engine-storage-driver", [""])[-1],
        RegistryMirror=options.get("--engine-registry-mirror", []),
        InstallURL=options.get("--engine-install-url", ["https://get.docker.com"])[-1],
    )
    return document


def create(options: dict[str, list[str]], arguments: list[str]) -> None:
    """Make a machine of the VirtualBox driver, on the next real machine that is free."""
    _nothing_of(options, *(flag for flag in options if not flag.startswith("--swarm")))
    name = _one(arguments)
    if not re.fullmatch(r"[a-zA-Z0-9][a-zA-Z0-9.-]*", name):
        raise MachineError(
            "Error creating machine: Invalid hostname specified. Allowed hostname chars are: 0-9a-zA-Z . -"
        )
    if options.get("--driver", ["virtualbox"])[-1] != "virtualbox" or shared.setting("arch") == "arm64":
        raise shared.Unrecorded("another driver than virtualbox, or that one on this processor")
    if directory(name).exists():
        raise MachineError(recorded(f"{_RECORD}/create-taken.err").strip().replace(shared.RECORDED_NAME, name))
    document = new_document(name, options)
    _bootstrap(document)
    say("Running pre-create checks...")
    if fault("virtualbox") == "missing":
        raise PreCreateError(recorded(f"{_RECORD}/create-virtualbox.err").strip())
    machine = engines.take(f"docker-machine:{name}")
    save(document)
    say(
        "Creating machine...",
        f"({name}) Copying {store()}/cache/boot2docker.iso to {directory(name)}/boot2docker.iso...",
        f"({name}) Creating VirtualBox VM...",
        f"({name}) Creating SSH key...",
    )
    shutil.copy(shared.STATE / "id", directory(name) / "id_rsa")
    say(f"({name}) Starting the VM...", f"({name}) Check network to re-create if needed...")
    _check_network(document, machine)
    say(f"({name}) Waiting for an IP...", "Waiting for machine to be running, this may take a few minutes...")
    document["Driver"]["IPAddress"] = machine.address
    save(document)
    say("Detecting operating system of created instance...", "Waiting for SSH to be available...")
    say("Detecting the provisioner...", "Provisioning with boot2docker...")
    if fault("create"):
        shared.set_fault("create", "")  # it dies once; the next one gets through
        engines.kill_engine(machine)
        raise MachineError(f"Error creating machine: Error running provisioning: {_NOT_LISTENING}")
    _configure_auth(document)
    say("Checking connection to Docker...")
    _check_connection(document)
    save(document)
    say(
        "Docker is up and running!",
        "To see how to connect your Docker Client to the Docker Engine running on this virtual machine, run: "
        f"docker-machine env {name}",
    )


def _check_network(document: dict[str, Any], machine: engines.Machine) -> None:
    """Refuse a network that VirtualBox may not use: from macOS 11 on, all but 192.168.56.0/21."""
    cidr = document["Driver"]["HostOnlyCIDR"]
    allowed = re.match(r"192\.168\.(5[6-9]|6[0-3])\.", cidr)
    if allowed or int(shared.setting("macos").split(".")[0]) < 11:
        return
    engines.set_state(machine, engines.STOPPED)
    where = cidr.partition("/")[0]
    raise MachineError(
        "Error creating machine: Error in driver during machine creation: Error setting up host only network on machine "
        f"start: /usr/local/bin/VBoxManage hostonlyif ipconfig vboxnet0 --ip {where} --netmask 255.255.255.0 failed:\n"
        "VBoxManage: error: Code E_ACCESSDENIED (0x80070005) - Access denied (extended info not available)\n"
        'VBoxManage: error: Context: "EnableStaticIPConfig(Bstr(pszIp).raw(), Bstr(pszNetmask).raw())" at line 242 '
        "of file VBoxManageHostonly.cpp\n"
    )


def _bootstrap(document: dict[str, Any]) -> None:
    """Make the authority and the client's certificate where they are missing or have run out."""
    auth = document["HostOptions"]["AuthOptions"]
    authority, authority_key = Path(auth["CaCertPath"]), Path(auth["CaPrivateKeyPath"])
    client, client_key = Path(auth["ClientCertPath"]), Path(auth["ClientKeyPath"])
    authority.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    user = os.environ.get("USER") or shared.home().name

    def wanted(certificate: Path, key: Path, title: str, name: str) -> bool:
        if certificate.exists():
            if engines.is_current(certificate):
                return False
            say(f"{title} certificate is outdated and needs to be regenerated")
            key.unlink(missing_ok=True)
        say(f"Creating {name}: {certificate}")
        if key.exists():
            problem = "certificate authority key" if title == "CA" else "client key"
            raise MachineError(f"{problem} already exists")
        return True

    if wanted(authority, authority_key, "CA", "CA"):
        engines.make_authority(authority, authority_key, user)
    if wanted(client, client_key, "Client", "client certificate"):
        engines.make_certificate(authority, authority_key, client, client_key, f"{user}.<bootstrap>")


def _configure_auth(document: dict[str, Any]) -> None:
    """Give the machine's engine a fresh certificate, and the machine's directory a copy of the client's."""
    name, auth = document["Name"], document["HostOptions"]["AuthOptions"]
    machine = real(name)
    say("Copying certs to the local machine directory...")
    for source in ("CaCertPath", "ClientCertPath", "ClientKeyPath"):
        shutil.copy(auth[source], directory(name))
    names = ["IP:" + address(document), "DNS:localhost", *(f"DNS:{each}" for each in auth["ServerCertSANs"])]
    server, server_key = Path(auth["ServerCertPath"]), Path(auth["ServerKeyPath"])
    engines.make_certificate(
        Path(auth["CaCertPath"]),
        Path(auth["CaPrivateKeyPath"]),
        server,
        server_key,
        f"{shared.home().name}.{name}",
        names=",".join(names),
    )
    say("Copying certs to the remote machine...")
    say("Setting Docker configuration on the remote daemon...")
    engine = document["HostOptions"]["EngineOptions"]
    flags = [f"--label={each}" for each in (f"provider={document['DriverName']}", *engine["Labels"])]
    flags += [f"--registry-mirror={each}" for each in engine["RegistryMirror"]]
    flags += [f"--insecure-registry={each}" for each in engine["InsecureRegistry"]]
    flags += [f"--storage-driver={engine['StorageDriver']}"] if engine["StorageDriver"] else []
    flags += [f"--{each}" for each in engine["ArbitraryFlags"]]
    try:
        engines.serve_tls(machine, Path(auth["CaCertPath"]), server, server_key, flags)
    except subprocess.CalledProcessError as error:
        raise MachineError(_NOT_LISTENING) from error


# --- acts ------------------------------------------------------------------------------------------------------------


def start(_options: dict[str, list[str]], arguments: list[str]) -> None:
    """Start a machine."""
    document = load(_one(arguments))
    name = document["Name"]
    say(f'Starting "{name}"...')
    if running(name):
        raise MachineError(f'Machine "{name}" is already running.')
    if document["DriverName"] == "generic":
        raise MachineError("generic driver does not support start")
    _boot(document)
    say(f'Machine "{name}" was started.', "Waiting for SSH to be available...", "Detecting the provisioner...")
    _wait_for_docker(document)
    say("Started machines may have new IP addresses. You may need to re-run the `docker-machine env` command.")


def _boot(document: dict[str, Any]) -> None:
    name = document["Name"]
    say(f"({name}) Check network to re-create if needed...", f"({name}) Waiting for an IP...")
    engines.start(real(name))
    document["Driver"]["IPAddress"] = real(name).address
    save(document)


def _wait_for_docker(document: dict[str, Any]) -> None:
    for _ in range(_RETRIES):
        if engines.listens(real(document["Name"])):
            return
        time.sleep(1)
    raise MachineError(_NOT_LISTENING)


def stop(_options: dict[str, list[str]], arguments: list[str]) -> None:
    """Stop a machine."""
    document = load(_one(arguments))
    name = document["Name"]
    say(f'Stopping "{name}"...')
    if not running(name):
        raise MachineError(f'Machine "{name}" is already stopped.')
    if document["DriverName"] == "generic":
        raise MachineError("generic driver does not support stop")
    engines.stop(real(name))
    document["Driver"]["IPAddress"] = ""
    save(document)
    say(f'Machine "{name}" was stopped.')


def restart(_options: dict[str, list[str]], arguments: list[str]) -> None:
    """Restart a machine."""
    document = load(_one(arguments))
    name = document["Name"]
    say(f'Restarting "{name}"...')
    if document["DriverName"] == "generic":
        raise shared.Unrecorded("a restart by the generic driver")
    if running(name):
        engines.stop(real(name))
        _boot(document)
    else:
        say(f'Starting "{name}"...')
        _boot(document)
        say(f'Machine "{name}" was started.')
    say("Waiting for SSH to be available...", "Detecting the provisioner...")
    _wait_for_docker(document)
    say("Restarted machines may have new IP addresses. You may need to re-run the `docker-machine env` command.")


def _confirmed(question: str) -> bool:
    """Ask a question, as a terminal would be asked. MachineError without an answer."""
    sys.stdout.write(f"{question} (y/n): ")
    sys.stdout.flush()
    answer = sys.stdin.readline()
    if not answer:
        raise MachineError("EOF")
    return answer.lower().startswith("y")


def regenerate_certs(options: dict[str, list[str]], arguments: list[str]) -> None:
    """Make the engine's certificate anew; the authority and the client's too, where they are missing or have run out."""
    if "--force" not in options and not _confirmed("Regenerate TLS machine certs?  Warning: this is irreversible."):
        return
    say("Regenerating TLS certificates")
    document = load(_one(arguments))
    if "--client-certs" in options:
        say("Regenerating local certificates")
        _bootstrap(document)
    _provision(document)


def provision(_options: dict[str, list[str]], arguments: list[str]) -> None:
    """Set the machine's engine up again."""
    _provision(load(_one(arguments)))


def _provision(document: dict[str, Any]) -> None:
    if not running(document["Name"]):
        raise shared.Unrecorded("provisioning of a machine that is off")
    say("Waiting for SSH to be available...", "Detecting the provisioner...")
    for _ in range(_RETRIES):
        if engines.lives(real(document["Name"])) and not fault("provision"):
            break
        time.sleep(1)
    else:
        raise MachineError("Maximum number of retries (60) exceeded")
    _configure_auth(document)


def ssh(_options: dict[str, list[str]], arguments: list[str]) -> None:
    """Run a command on a machine; the exit code is lost."""
    name, *words = arguments or [""]
    load(name)
    if not words or name.startswith("-"):
        raise shared.Unrecorded("ssh without a machine and a command")
    if not running(name):
        raise MachineError(f'Error: Cannot run SSH command: Host "{name}" is not running')
    code = subprocess.run(engines.ssh(real(name), *words), check=False).returncode
    if code:
        raise MachineError(f"exit status {code}")


def rm(options: dict[str, list[str]], arguments: list[str]) -> None:
    """Remove machines, with all that is on them."""
    if not arguments:
        raise shared.Unrecorded("rm without a machine")
    say(f"About to remove {', '.join(arguments)}")
    say("WARNING: This action will delete both local reference and remote instance.")
    force = "--force" in options
    if not force and "-y" not in options:
        try:
            if not _confirmed("Are you sure?"):
                return
        except MachineError:
            return
    errors = []
    for name in arguments:
        try:
            load(name)
        except MachineError as error:
            errors.append(f'Error removing host "{name}": {error}')
            if force:
                errors.append(f'Can\'t remove "{name}"')
            continue
        machine = engines.find(f"docker-machine:{name}")
        if machine:
            engines.release(machine)
        shutil.rmtree(directory(name))
        say(f"Successfully removed {name}")
    if force:
        complain(*errors)
    elif errors:
        raise MachineError("\n".join(errors))


_COMMANDS: dict[str, Callable[[dict[str, list[str]], list[str]], None]] = {
    "config": config,
    "create": create,
    "env": env,
    "inspect": inspect,
    "ip": ip,
    "ls": ls,
    "provision": provision,
    "regenerate-certs": regenerate_certs,
    "restart": restart,
    "rm": rm,
    "ssh": ssh,
    "start": start,
    "status": status,
    "stop": stop,
    "url": url,
    "version": version,
}
