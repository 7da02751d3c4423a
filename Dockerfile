# Images of both stages, and of the two simulators that the demo profile needs. One build, three targets:
#
#   docker build --target extractor|loader|demo .
#
# Needs BuildKit (the default since Docker 23) for the cache mounts.

FROM rust:1.95-bookworm AS build
# `dev` builds faster and runs slower: for trying things.
ARG PROFILE=release
# `extractor/otel,loader/otel`: with OpenTelemetry traces.
ARG FEATURES=
# The date that OpenSSL would otherwise write into itself.
ENV SOURCE_DATE_EPOCH=1 \
    CARGO_INCREMENTAL=0 \
    CARGO_PROFILE_DEV_DEBUG=none
WORKDIR /src
COPY .cargo .cargo
COPY Cargo.toml Cargo.lock ./
COPY schemas schemas
COPY extractor extractor
COPY loader loader
COPY tests tests
# Neither mount is part of an image; both make the next build short.
RUN --mount=type=cache,id=qlik-metadata-registry,target=/usr/local/cargo/registry \
    --mount=type=cache,id=qlik-metadata-target,target=/src/target \
    cargo build --locked --profile "$PROFILE" --bins --features "$FEATURES" \
        -p extractor -p loader -p qlik-simulator -p openmetadata-simulator && \
    mkdir /out && \
    cd "target/$([ "$PROFILE" = dev ] && echo debug || echo "$PROFILE")" && \
    cp extractor loader qlik-simulator openmetadata-simulator /out/

FROM debian:bookworm-slim AS base
# 10001 is nobody on any host, and a number so that Kubernetes can see that it is not root. The folder
# exists so that a volume mounted there belongs to that user.
RUN groupadd --gid 10001 qlik-metadata && \
    useradd --uid 10001 --gid 10001 --no-create-home --home-dir / --shell /usr/sbin/nologin qlik-metadata && \
    install -d -o 10001 -g 10001 /etc/qlik-metadata/certificates
# Authorities from the build image, so that this one installs nothing.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY docker/healthcheck /usr/local/bin/
ENV QLIK_METADATA_CONFIG=/etc/qlik-metadata/config.yaml
USER 10001:10001
LABEL org.opencontainers.image.licenses=Apache-2.0

FROM base AS demo
COPY tests/sample-apps /usr/share/qlik-metadata/sample-apps
COPY --from=build /out/qlik-simulator /out/openmetadata-simulator /usr/local/bin/

FROM base AS loader
COPY --from=build /out/loader /usr/local/bin/
ENTRYPOINT ["loader"]
CMD ["run"]

FROM base AS extractor
COPY --from=build /out/extractor /usr/local/bin/
ENTRYPOINT ["extractor"]
CMD ["run"]
