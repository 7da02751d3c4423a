# Images of both stages, and of the simulators for the demo profile. One build, three targets:
# docker build --target extractor|loader|demo .

FROM rust:1.95-bookworm AS build
# `dev` builds in a third of the time; for trying things.
ARG PROFILE=release
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --locked --profile "$PROFILE" --bins \
        -p extractor -p loader -p qlik-simulator -p openmetadata-simulator && \
    mkdir /out && cd "target/$([ "$PROFILE" = dev ] && echo debug || echo "$PROFILE")" && \
    cp extractor loader qlik-simulator openmetadata-simulator /out/

FROM debian:bookworm-slim AS base
RUN apt-get update && \
    apt-get install -y --no-install-recommends ca-certificates && \
    rm -rf /var/lib/apt/lists/* && \
    useradd --system --uid 10001 --no-create-home qlik-metadata && \
    mkdir -p /etc/qlik-metadata/certificates && \
    chown qlik-metadata /etc/qlik-metadata/certificates
USER qlik-metadata

FROM base AS extractor
# glibc keeps what threads have freed; these give it back (docs/operations.md, "Memory").
ENV MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=131072 MALLOC_TRIM_THRESHOLD_=131072
COPY --from=build /out/extractor /usr/local/bin/
COPY docker/healthcheck /usr/local/bin/healthcheck
ENTRYPOINT ["extractor"]
CMD ["--config", "/etc/qlik-metadata/config.yaml", "run"]

FROM base AS loader
COPY --from=build /out/loader /usr/local/bin/
COPY docker/healthcheck /usr/local/bin/healthcheck
ENTRYPOINT ["loader"]
CMD ["--config", "/etc/qlik-metadata/config.yaml", "run"]

FROM base AS demo
COPY --from=build /out/qlik-simulator /out/openmetadata-simulator /usr/local/bin/
COPY tests/sample-apps /usr/share/qlik-metadata/sample-apps
