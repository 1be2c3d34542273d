# The image of a pipeline's containers: the framework and plugins, nothing of a project's configuration, no credential.
#
#   docker build -t mlops .                                           the framework and the plugins named below
#   docker build --build-arg PLUGINS="./plugins/mine" -t mlops .      other plugins, by their folders
#   mlops image build                                                 the plugins that are installed beside it
#
# BASE may be pinned by digest. REQUIREMENTS is the hash-locked list of everything else that is installed.
ARG BASE=docker.io/library/python:3.11-slim

FROM ${BASE} AS dependencies
ARG REQUIREMENTS=requirements.image.lock
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv --without-pip /opt/mlops
COPY ${REQUIREMENTS} /tmp/requirements.txt
# bytecode that is never compared with its source needs no times of files, and equal sources give equal bytes
RUN set -e; \
    python -m pip --python /opt/mlops/bin/python install -q --require-hashes --no-deps --no-compile --only-binary=:all: -r /tmp/requirements.txt; \
    /opt/mlops/bin/python -m compileall -qq -j 0 --invalidation-mode unchecked-hash /opt/mlops/lib || echo "some files are templates"

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
    mkdir -p /opt/project/lib; \
    [ -z "$(ls wheels)" ] || \
      python -m pip --python /opt/mlops/bin/python install -q --no-deps --no-compile --no-index --prefix=/opt/project wheels/*.whl; \
    /opt/mlops/bin/python -m compileall -qq -j 0 --invalidation-mode unchecked-hash /opt/project/lib

FROM ${BASE}
ARG VERSIONS="{}"
LABEL org.opencontainers.image.title="mlops" dev.mlops.versions="${VERSIONS}"
ENV PATH=/opt/mlops/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp \
    MLOPS_CACHE_DIR=/opt/mlops/share/mlops MLOPS_DATA=/tmp/data
COPY --from=dependencies /opt/mlops /opt/mlops
COPY --from=project /opt/project /opt/mlops
# what every plugin offers is looked up here, once; a plugin that does not work, or lacks a package, ends the build
# (times in whole seconds: layers keep no fractions, and another time would mean that something was installed since)
RUN find /opt/mlops/lib \( -name site-packages -o -name '*.dist-info' -o -name entry_points.txt \) -exec touch -d "@$(date +%s)" {} + \
 && /usr/local/bin/python -m pip --python /opt/mlops/bin/python --disable-pip-version-check check \
 && MLOPS_STRICT_PLUGINS=true mlops nodes list --json >/dev/null && chmod -R a+rX /opt/mlops/share
USER 10001:10001
ENTRYPOINT ["mlops", "run-node"]
