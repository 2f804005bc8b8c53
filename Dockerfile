# syntax=docker/dockerfile:1

FROM rust:1.95.0-slim-bookworm AS builder
WORKDIR /src
COPY . .
# The target directory lives in a cache that no later step sees, so the binary is copied out of it here.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin lineside \
    && install -D -m 0755 --strip target/release/lineside /out/lineside

# Debian slim has the builder's glibc, and nothing is added: the agent asks itself how it is, and authorities for TLS are
# compiled in.
FROM debian:bookworm-20261005-slim
LABEL org.opencontainers.image.title="Lineside" \
      org.opencontainers.image.description="An OpenTelemetry-native telemetry agent that keeps every span, metric and log safe on disk until the collector has it" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"

# A new volume takes the owner of the directory it is mounted on, so the agent can write to it without being root.
RUN groupadd --system --gid 10001 lineside \
    && useradd --system --uid 10001 --gid lineside --home-dir /var/lib/lineside --shell /usr/sbin/nologin lineside \
    && install -d -o lineside -g lineside -m 0750 /var/lib/lineside
COPY deploy/docker/lineside.toml /etc/lineside/lineside.toml
COPY LICENSE-MIT LICENSE-APACHE /usr/share/doc/lineside/
COPY --from=builder /out/lineside /usr/local/bin/lineside

# By number, so that Kubernetes can see that it is not root.
USER 10001:10001
# With a configuration that names no data_dir, the default is relative and still lands in the volume.
WORKDIR /var/lib/lineside
VOLUME ["/var/lib/lineside"]
# OTLP/gRPC, OTLP/HTTP; metrics, health and ledger.
EXPOSE 4317 4318 2271

# Liveness, not readiness: an export whose destination is away is no reason to restart the agent that keeps its data.
HEALTHCHECK --interval=10s --timeout=5s --start-period=5s --retries=3 \
    CMD ["/usr/local/bin/lineside", "--config", "/etc/lineside/lineside.toml", "healthcheck", "--live"]

ENTRYPOINT ["/usr/local/bin/lineside", "--config", "/etc/lineside/lineside.toml"]
