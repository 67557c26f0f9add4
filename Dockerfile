# Built once, run as every service of docker-compose.yml: the command says which.
FROM python:3.12-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/doorbell
ENV PATH=/opt/doorbell/bin:$PATH
WORKDIR /source
# The libraries change more rarely than the code, so they are a layer of their own.
COPY requirements.txt requirements-build.txt ./
RUN pip install --require-hashes -r requirements.txt
# In an environment of its own: what builds the project is not part of the image.
RUN python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes -r requirements-build.txt
COPY . .
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && pip install --no-deps --no-index /wheels/*.whl

FROM python:3.12-slim
# No package of the system is needed: psycopg brings libpq, tzdata brings the time zones.
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/doorbell doorbell
COPY --from=build /opt/doorbell /opt/doorbell
ENV PATH=/opt/doorbell/bin:$PATH PYTHONUNBUFFERED=1
WORKDIR /var/lib/doorbell
USER doorbell
EXPOSE 4000
ENTRYPOINT ["doorbell"]
CMD ["serve"]
