#!/usr/bin/env bash
# Runs unit, integration and end-to-end tests in a container without a network, on a read-only root, without capabilities.
# What is given goes to the tests: `scripts/docker_test.sh -p calt-core` runs those of one crate.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scripts/check_docker_compose.sh
compose=(docker compose --file docker-compose.test.yml --project-name calt-tests)
# What an earlier run left would be tested instead of what is built now.
"${compose[@]}" down --volumes --remove-orphans
"${compose[@]}" build tests
status=0
"${compose[@]}" run --rm tests scripts/test "$@" || status=$?
"${compose[@]}" down --volumes
exit "$status"
