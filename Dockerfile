# The image of one harvest. docs/image.md says how to build, push and run it.
#
# The tag is one version of Python on one release of Debian, for linux/amd64 and linux/arm64. To pin the digest, use
# PYTHON=3.13.11-slim-bookworm@sha256:<printed by `docker buildx imagetools inspect`>.
ARG PYTHON=3.13.11-slim-bookworm

FROM python:${PYTHON} AS packages
WORKDIR /build
COPY requirements-kafka.txt .
# Wheels only, with pinned hashes: there is no compiler, and no package code runs during the build. Byte code is compiled
# now, because the file system is read-only at run time. pip stays in this stage, and setuptools, which only the command
# twarc2 imports, and what botocore knows of the 400 services that are not asked here (25 of 28 MB).
RUN python -m venv --without-pip /opt/venv \
    && python -m pip --python /opt/venv/bin/python install --no-cache-dir --no-compile --only-binary :all: \
       --require-hashes --requirement requirements-kafka.txt \
    && python -m pip --python /opt/venv/bin/python uninstall --yes --quiet setuptools \
    && find /opt/venv/lib/python3*/site-packages/botocore/data -mindepth 1 -maxdepth 1 -type d \
       ! -name ec2 ! -name ecs ! -name events ! -name iam ! -name logs ! -name s3 ! -name scheduler \
       ! -name service-quotas ! -name signin ! -name sqs ! -name ssm ! -name sso ! -name sso-oidc ! -name sts \
       -exec rm -r {} + \
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

# Fargate gives a volume the owner of its folder in the image, but only if the image declares it as a volume.
RUN mkdir /work && chown 10001:10001 /work
VOLUME ["/work"]

WORKDIR /opt/twarc-cloud
COPY --from=packages /opt/venv /opt/venv
COPY LICENSE tweet_harvester.py ./
COPY harvester harvester
RUN ["/opt/venv/bin/python", "-m", "compileall", "-q", "harvester"]

# Only /work is writable, including ~/.twarc.
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/work \
    PYTHONDONTWRITEBYTECODE=1 \
    TWARC_CLOUD_TEMP=/work
ENV TWARC_CLOUD_HEARTBEAT=$TWARC_CLOUD_TEMP/heartbeat

USER 10001:10001
STOPSIGNAL SIGTERM
# The harvester touches that file every ten seconds; the check does not start Python.
HEALTHCHECK --interval=60s --timeout=10s --start-period=60s --retries=3 \
    CMD ["sh", "-c", "find \"$TWARC_CLOUD_HEARTBEAT\" -mmin -2 | grep -q ."]

ENTRYPOINT ["python", "-u", "tweet_harvester.py"]
