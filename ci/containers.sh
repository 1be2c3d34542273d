#!/usr/bin/env bash
# Prepares a container engine for tests on a Debian machine that has neither an engine nor a container registry:
# podman behind Docker's API, a stand-in for the base image python:3.11-slim, and a registry on loopback.
#
#   ci/containers.sh         prepare and start; run again, it starts what no longer runs and does nothing else
#   ci/containers.sh stop    end the engine's socket service and the registry; images stay
#
# Everything of its own is in build/containers; `. build/containers/env` tells a shell (and the tests) where the engine is:
#   DOCKER_HOST                                for the docker SDK, the docker CLI and the embedded Snowflake
#   CONTAINERS_CONF, CONTAINERS_REGISTRIES_CONF for podman's own commands
#   MLOPS_LOGIN_REGISTRY                       host:port where this engine trusts a registry that a test starts
#   MLOPS_EMBEDDED_REGISTRY                    host:port of the registry, for image repositories of the embedded Snowflake
#
# The stand-in is made from this machine's own Debian mirror and holds its certificates: a throwaway, never to be pushed
# further than to the loopback registry. A machine with a Docker engine needs none of this: set
# DOCKER_HOST there, and MLOPS_EMBEDDED_REGISTRY to a registry on its loopback.
set -euo pipefail

root="$(cd "$(dirname "$0")/.." && pwd)"
work="$root/build/containers"
base=docker.io/library/python:3.11-slim
packages=(podman runc netavark iptables catatonit mmdebstrap eatmydata docker-registry)
mkdir -p "$work"
exec 9>"${TMPDIR:-/tmp}/mlops-containers.lock"
flock 9 # the packages and the images are the machine's: one at a time

say() { echo "containers: $*" >&2; }
runs() { [ -f "$work/$1.pid" ] && kill -0 "$(cat "$work/$1.pid")" 2>/dev/null; }
start() { # name, command ...: in the background, in a folder where what the engine leaves behind is not in the way
  local name=$1
  shift
  (cd "$work" && exec setsid nohup "$@" >"$work/$name.log" 2>&1 </dev/null 9>&-) &
  echo $! >"$work/$name.pid"
}
end() { if runs "$1"; then kill "$(cat "$work/$1.pid")"; fi; rm -f "$work/$1.pid"; }
wait_for() { # name, test ...
  local name=$1
  shift
  for _ in $(seq 100); do "$@" >/dev/null 2>&1 && return; sleep 0.1; done
  say "$name does not start:"; tail -5 "$work/$name.log" >&2; exit 1
}

if [ "${1:-}" = stop ]; then
  end engine; end registry
  rm -f "$work/podman.sock"
  exit
fi

if ! dpkg-query -W "${packages[@]}" >/dev/null 2>&1; then
  say "installing ${packages[*]}"
  apt-get update -qq -o DPkg::Lock::Timeout=300
  DEBIAN_FRONTEND=noninteractive apt-get install -yqq -o DPkg::Lock::Timeout=300 --no-install-recommends "${packages[@]}" >/dev/null
fi

[ -f "$work/login.port" ] || python3 - "$work" <<'P'
import socket, sys
with socket.socket() as one, socket.socket() as other:
    for free, name in ((one, "registry"), (other, "login")):
        free.bind(("127.0.0.1", 0))
        open(f"{sys.argv[1]}/{name}.port", "w").write(str(free.getsockname()[1]))
P
registry="127.0.0.1:$(cat "$work/registry.port")"
login="127.0.0.1:$(cat "$work/login.port")"

# runc, because crun refuses hybrid cgroups; explicit limits, because podman otherwise asks for more than root may have
cat >"$work/containers.conf" <<'C'
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "netavark"
C
cat >"$work/registries.conf" <<C
unqualified-search-registries = ["docker.io"]
[[registry]]
location = "$registry"
insecure = true
[[registry]]
location = "$login"
insecure = true
C
cat >"$work/registry.yml" <<C
version: 0.1
log: {level: warn}
storage: {filesystem: {rootdirectory: "$work/registry"}, delete: {enabled: true}}
http: {addr: "$registry"}
C
cat >"$work/env" <<C
export DOCKER_HOST="unix://$work/podman.sock"
export CONTAINERS_CONF="$work/containers.conf"
export CONTAINERS_REGISTRIES_CONF="$work/registries.conf"
export MLOPS_EMBEDDED_REGISTRY="$registry"
export MLOPS_LOGIN_REGISTRY="$login"
C
. "$work/env"

if ! podman image exists "$base"; then
  say "making a stand-in for $base (about a minute)"
  mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | sed -n 1p)
  eatmydata mmdebstrap --quiet --variant=minbase --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --include=python3,python3-venv,ca-certificates \
    --customize-hook='chroot "$1" python3 -m venv --copies /usr/local' \
    --customize-hook='sed -i "s/^include-system-site-packages = .*/include-system-site-packages = true/" "$1/usr/local/pyvenv.cfg"' \
    --customize-hook='cp "${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}" "$1/etc/ssl/certs/ca-certificates.crt"' \
    bookworm "$work/base.tar" "$mirror" 2>"$work/base.log" || { tail -20 "$work/base.log" >&2; exit 1; }
  podman import -q --change 'ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin' \
    --change 'ENV LANG=C.UTF-8' --change 'CMD ["python3"]' "$work/base.tar" "$base-bookworm" >/dev/null
  podman tag "$base-bookworm" "$base"
  rm "$work/base.tar"
fi

if ! runs engine; then
  rm -f "$work/podman.sock"
  start engine podman system service --time=0 "unix://$work/podman.sock"
  wait_for engine curl -sf --unix-socket "$work/podman.sock" http://d/_ping
fi
if ! runs registry; then
  start registry docker-registry serve "$work/registry.yml"
  wait_for registry curl -sf "http://$registry/v2/"
fi
cat "$work/env"
