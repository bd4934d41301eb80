# The service in a container: no root, nothing written outside its data volume.
#
#   docker build -t welt .
#   docker run --read-only --tmpfs /tmp -v welt-data:/var/lib/welt -p 8000:8000 welt
#
# tests/test_dockerfile.py carries out these very steps without Docker.

FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY inspection ./inspection
RUN python -m venv /opt/welt
RUN /opt/welt/bin/pip install --no-cache-dir --disable-pip-version-check --constraint constraints.txt ".[postgres]"
RUN /opt/welt/bin/pip uninstall --yes --quiet pip

FROM python:3.11-slim
COPY --from=build /opt/welt /opt/welt
COPY models /opt/models
# A number, not a name: Kubernetes can then see that it is not root.
RUN mkdir -p /var/lib/welt && chown 10001:10001 /var/lib/welt
ENV WELT_HOST=0.0.0.0 \
    WELT_PORT=8000 \
    WELT_DATA_DIR=/var/lib/welt \
    WELT_MODELS_DIR=/opt/models \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PATH=/opt/welt/bin:/usr/local/bin:/usr/bin:/bin
USER 10001:10001
WORKDIR /var/lib/welt
VOLUME /var/lib/welt
EXPOSE 8000
# Alive, not ready: a service that waits for its disk to come back must not be restarted for it. /readyz says more.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['WELT_PORT'] + '/healthz', timeout=4)"]
CMD ["welt", "serve"]
