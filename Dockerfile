# The gateway:                    docker build -t weir .
# The same with a local engine:   docker build -t weir-local --target local .
#
# Nothing secret enters a layer: keys come from the environment of the running container, and the
# configuration is mounted at /etc/weir/weir.yaml.

FROM python:3.13-slim AS builder
WORKDIR /build
RUN python -m venv /opt/weir
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements/build.lock requirements/runtime.lock requirements/
RUN /opt/weir/bin/pip install --no-deps --require-hashes -r requirements/build.lock \
 && /opt/weir/bin/pip install --no-deps --require-hashes -r requirements/runtime.lock
COPY pyproject.toml README.md LICENSE ./
COPY gateway gateway
COPY router router
COPY cache cache
COPY metering metering
RUN /opt/weir/bin/pip install --no-deps --no-build-isolation --no-index .

FROM builder AS local-builder
COPY requirements/engine.lock requirements/
RUN /opt/weir/bin/pip install --no-deps --require-hashes -r requirements/engine.lock

FROM python:3.13-slim AS base
RUN useradd --uid 10001 --create-home --home-dir /var/lib/weir --shell /usr/sbin/nologin weir
ENV PATH=/opt/weir/bin:$PATH PYTHONUNBUFFERED=1
USER 10001
WORKDIR /var/lib/weir
VOLUME /var/lib/weir
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health/live', timeout=2)"]
ENTRYPOINT ["weir", "serve", "/etc/weir/weir.yaml"]

FROM base AS local
USER root
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
USER 10001
COPY --from=local-builder /opt/weir /opt/weir

FROM base AS gateway
COPY --from=builder /opt/weir /opt/weir
