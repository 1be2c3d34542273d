# The image of a pipeline's containers: the framework and plugins, nothing of a project's configuration, no credential.
#
#   docker build -t mlops .                                           the framework and the plugins named below
#   docker build --build-arg PLUGINS="./plugins/mine" -t mlops .      other plugins, by their folders
#   mlops image build                                                 the plugins that are installed beside it
#
# BASE may be pinned by digest. REQUIREMENTS is the hash-locked list of everything else that is installed.
ARG BASE=docker.io/library/python:3.11-slim

# Each layer is put together below /layers with every time of a file set to one moment, and copied from there as a whole: so
# equal lists and sources give layers of equal bytes, and a push sends only what differs.
FROM ${BASE} AS dependencies
ARG REQUIREMENTS=requirements.image.lock
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1 \
    SOURCE_DATE_EPOCH=1577836800
COPY ${REQUIREMENTS} /tmp/requirements.txt
# bytecode that is never compared with its source needs no times of files
RUN set -e; \
    python -m venv --without-pip /opt/mlops; \
    mkdir -p /layers/dependencies/opt; mv /opt/mlops /layers/dependencies/opt; ln -s /layers/dependencies/opt/mlops /opt/mlops; \
    python -m pip --python /opt/mlops/bin/python install -q --require-hashes --no-deps --no-compile --only-binary=:all: -r /tmp/requirements.txt; \
    /opt/mlops/bin/python -m compileall -qq -j 0 --invalidation-mode unchecked-hash /opt/mlops/lib || echo "some files are templates"; \
    find /layers/dependencies -exec touch -h -d @$SOURCE_DATE_EPOCH {} +

FROM dependencies AS project
ARG PLUGINS="./plugins/mlops-calendar ./plugins/mlops-churn ./plugins/mlops-transit"
WORKDIR /src
COPY . .
# from sources, built with what requirements.lock pins; or from wheels that `mlops image context` has gathered
RUN set -e; mkdir -p wheels; \
    if [ -f pyproject.toml ]; then \
      awk '/^[^ ]/ {wanted = /^(hatchling|packaging|pathspec|pluggy|trove-classifiers)==/} wanted' requirements.lock >/tmp/build.txt; \
      python -m pip install -q --require-hashes --no-deps -r /tmp/build.txt; \
      python -m pip wheel -q --no-deps --no-build-isolation -w wheels . ${PLUGINS}; \
    fi; \
    mkdir -p /layers/project/opt/mlops/lib; \
    [ -z "$(ls wheels)" ] || \
      python -m pip --python /opt/mlops/bin/python install -q --no-deps --no-compile --no-index --prefix=/layers/project/opt/mlops wheels/*.whl; \
    /opt/mlops/bin/python -m compileall -qq -j 0 -s /layers/project --invalidation-mode unchecked-hash /layers/project/opt/mlops/lib; \
    find /layers/project -exec touch -h -d @$SOURCE_DATE_EPOCH {} +

FROM ${BASE} AS whole
COPY --from=dependencies /layers/dependencies/ /
COPY --from=project /layers/project/ /

# what every plugin offers is looked up here, once; a plugin that does not work, or lacks a package, ends the build
FROM whole AS found
ENV PATH=/opt/mlops/bin:$PATH PYTHONDONTWRITEBYTECODE=1 HOME=/tmp MLOPS_CACHE_DIR=/opt/mlops/share/mlops \
    SOURCE_DATE_EPOCH=1577836800
RUN set -e; \
    /usr/local/bin/python -m pip --python /opt/mlops/bin/python --disable-pip-version-check check; \
    MLOPS_STRICT_PLUGINS=true mlops nodes list --json >/dev/null; \
    mkdir -p /layers/found/opt/mlops/share; cp -r /opt/mlops/share/mlops /layers/found/opt/mlops/share; \
    chmod -R a+rX /layers/found; find /layers/found -exec touch -h -d @$SOURCE_DATE_EPOCH {} +

FROM whole
ARG VERSIONS="{}"
LABEL org.opencontainers.image.title="mlops" dev.mlops.versions="${VERSIONS}"
ENV PATH=/opt/mlops/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp \
    MLOPS_CACHE_DIR=/opt/mlops/share/mlops MLOPS_DATA=/tmp/data
COPY --from=found /layers/found/ /
USER 10001:10001
ENTRYPOINT ["mlops", "run-node"]
