# The image of one harvest. How it is built, run, pushed and checked: docs/image.md.
#
# This tag is of one version of Python on one release of Debian, for linux/amd64 and linux/arm64. Who builds for good
# pins its digest here, too: PYTHON=3.13.11-slim-bookworm@sha256:<what `docker buildx imagetools inspect` prints>.
ARG PYTHON=3.13.11-slim-bookworm

FROM python:${PYTHON} AS packages
WORKDIR /build
COPY requirements.txt .
# Wheels only, each with the hash that is pinned: there is no compiler here, and nothing else may run. Byte code is made
# now, for at run time nothing can be written beside it. pip stays behind in this stage.
RUN python -m venv --without-pip /opt/venv \
    && python -m pip --python /opt/venv/bin/python install --no-cache-dir --no-compile --only-binary :all: \
       --require-hashes --requirement requirements.txt \
    && /opt/venv/bin/python -m compileall -q -j 0 /opt/venv/lib

FROM python:${PYTHON}
ARG PYTHON
ARG VERSION=2.0.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="twarc-cloud" \
      org.opencontainers.image.description="Collects posts of X for archives and researchers: one harvest of one collection." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.base.name="docker.io/library/python:${PYTHON}"

# Fargate gives a volume the owner that its folder has in the image, but only where the image calls it a volume.
RUN mkdir /work && chown 10001:10001 /work
VOLUME ["/work"]

WORKDIR /opt/twarc-cloud
COPY --from=packages /opt/venv /opt/venv
COPY LICENSE tweet_harvester.py ./
COPY harvester harvester
RUN ["/opt/venv/bin/python", "-m", "compileall", "-q", "harvester"]

# All that may be written is in /work, ~/.twarc included.
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/work \
    PYTHONDONTWRITEBYTECODE=1 \
    TWARC_CLOUD_TEMP=/work
ENV TWARC_CLOUD_HEARTBEAT=$TWARC_CLOUD_TEMP/heartbeat

USER 10001:10001
STOPSIGNAL SIGTERM
# The harvester touches that file every ten seconds; no Python is started to look at it.
HEALTHCHECK --interval=60s --timeout=10s --start-period=60s --retries=3 \
    CMD ["sh", "-c", "find \"$TWARC_CLOUD_HEARTBEAT\" -mmin -2 | grep -q ."]

ENTRYPOINT ["python", "-u", "tweet_harvester.py"]
