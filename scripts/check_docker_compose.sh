#!/usr/bin/env bash
# Says whether Docker and Compose are here, new enough and reachable, and if not what to do. Exit code 0: all is well.
set -euo pipefail

# Engine 24 builds with BuildKit by default; Compose 2.24 reads an `env_file` that may be missing.
readonly ENGINE_MIN=24.0 COMPOSE_MIN=2.24

fail() {
  echo "docker: $1" >&2
  echo "  fix: $2" >&2
  exit 1
}

# Whether the first version is at least the second, by their first two numbers.
at_least() {
  local major minor wanted_major wanted_minor
  IFS=. read -r major minor _ <<<"$1."
  IFS=. read -r wanted_major wanted_minor _ <<<"$2."
  [ "$major" -gt "$wanted_major" ] || { [ "$major" -eq "$wanted_major" ] && [ "${minor:-0}" -ge "$wanted_minor" ]; }
}

# The first version in a text, or nothing.
version_in() { grep -oE '[0-9]+\.[0-9]+(\.[0-9]+)?' <<<"$1" | head -n 1 || true; }

command -v docker >/dev/null ||
  fail "Docker is not installed" "install Docker Engine $ENGINE_MIN or later with its Compose plugin: https://docs.docker.com/engine/install/"

if ! said=$(docker version --format '{{.Server.Version}}' 2>&1); then
  case "$said" in
    *"permission denied"*)
      fail "you may not speak to the Docker daemon" "sudo usermod -aG docker \"\$USER\", then log in again; or run this with sudo" ;;
    *"Cannot connect"* | *"Is the docker daemon running"*)
      fail "the Docker daemon does not run or cannot be reached" "sudo systemctl start docker; with another address: DOCKER_HOST" ;;
    *) fail "Docker does not say its version: $(head -n 1 <<<"$said")" "docker version" ;;
  esac
fi
engine=$(version_in "$said")
[ -n "$engine" ] || fail "Docker's version cannot be read: $(head -n 1 <<<"$said")" "docker version"
at_least "$engine" "$ENGINE_MIN" ||
  fail "Docker Engine $engine is too old; $ENGINE_MIN or later is needed" "upgrade it: https://docs.docker.com/engine/install/"

if ! said=$(docker compose version --short 2>&1); then
  if command -v docker-compose >/dev/null; then
    fail "only the old docker-compose is here, without the Compose plugin" "apt-get install docker-compose-plugin, or https://docs.docker.com/compose/install/"
  fi
  fail "the Compose plugin is missing" "apt-get install docker-compose-plugin, or https://docs.docker.com/compose/install/"
fi
compose=$(version_in "$said")
[ -n "$compose" ] || fail "the version of Compose cannot be read: $(head -n 1 <<<"$said")" "docker compose version"
at_least "$compose" "$COMPOSE_MIN" ||
  fail "Compose $compose is too old; $COMPOSE_MIN or later is needed" "upgrade it: https://docs.docker.com/compose/install/"

echo "Docker Engine $engine and Compose $compose are fine"
