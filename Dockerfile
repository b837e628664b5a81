FROM python:3.13-slim AS build
WORKDIR /build
RUN python -m venv /opt/plumbus/venv
COPY requirements.lock .
RUN /opt/plumbus/venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock

FROM python:3.13-slim
# Debian replaces a package by its security fix and drops the version before: a pinned one would soon not build.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends openssh-client rsync tini \
    && rm -rf /var/lib/apt/lists/*

ARG VERSION=6.0.0
ARG REVISION=unknown
ARG SOURCE=
LABEL org.opencontainers.image.title="PLUMBUS" \
      org.opencontainers.image.description="Agentless backups of Linux machines over SSH and rsync, with a web UI" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"

COPY --from=build /opt/plumbus/venv /opt/plumbus/venv
WORKDIR /opt/plumbus/app
COPY main.py pyproject.toml LICENSE ./
COPY plumbus plumbus
COPY pages pages
RUN /opt/plumbus/venv/bin/python -m compileall -q main.py plumbus pages

# Nothing is written outside /data and /tmp, so the root file system may be read-only.
ENV PATH=/opt/plumbus/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PLUMBUS_HOST=0.0.0.0 \
    PLUMBUS_PORT=5000 \
    PLUMBUS_DATA_DIR=/data
# Runs as root, so that snapshots keep the owners that the files have on their machines. As its user plumbus (1000) they are
# kept in extended attributes instead (docs/recovery.md). ssh works for no user without a name.
RUN useradd --uid 1000 --home-dir /data --no-create-home plumbus && install --directory --owner plumbus --mode 0700 /data
VOLUME /data
EXPOSE 5000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s --retries=3 \
    CMD ["python", "-m", "plumbus.healthcheck"]
ENTRYPOINT ["tini", "--"]
CMD ["python", "main.py"]
