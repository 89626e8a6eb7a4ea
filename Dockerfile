# The image of calt: `docker build -t calt .` makes it, `docker build --target tests .` what tests it. See docs/operations.md.

FROM rust:1.95.0-bookworm AS source
WORKDIR /calt
COPY . .
# The toolchain file names what the image has, and two components it may lack.
RUN rustup show active-toolchain && cargo fetch --locked

FROM source AS build
RUN cargo build --locked --release --bin calt

# Everything the tests need, built beforehand: they run without a network, on a root that is read-only.
FROM source AS tests
# Debian keeps one version of each; what is pinned would be gone with the next.
# hadolint ignore=DL3008
RUN apt-get update -q \
 && apt-get install -y -q --no-install-recommends coreutils curl findutils git jq mount procps python3 python3-pytest python3-yaml \
    ripgrep tmux util-linux \
 && rm -rf /var/lib/apt/lists/*
RUN cargo install --locked cargo-nextest@0.9.143
RUN useradd --uid 10001 --create-home calt && chown -R calt: /calt "$CARGO_HOME"
USER 10001:10001
ENV CARGO_NET_OFFLINE=true
RUN cargo build --locked && cargo nextest run --locked --workspace --no-run
CMD ["scripts/test"]

FROM debian:bookworm-slim
# Debian keeps one version of each; what is pinned would be gone with the next.
# hadolint ignore=DL3008
RUN apt-get update -q \
 && apt-get install -y -q --no-install-recommends ca-certificates git ripgrep \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --no-create-home --home-dir /data --shell /usr/sbin/nologin calt \
 && install -d -m 0700 -o calt -g calt /data
COPY --from=build /calt/target/release/calt /usr/bin/calt
COPY --from=build /calt/LICENSE-MIT /calt/LICENSE-APACHE /usr/share/doc/calt/
COPY --chmod=0755 packaging/docker/ready /usr/lib/calt/ready
USER 10001:10001
ENV HOME=/data CALT_DATA_ROOT=/data LC_ALL=C.UTF-8
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["/usr/lib/calt/ready"]
ENTRYPOINT ["calt"]
CMD ["daemon"]
