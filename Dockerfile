# One image, for the bot (`docker run baton bot ...`) and for agents (`docker run baton agent ...`).
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE manifest.yml ./
COPY examples/ examples/
COPY baton/ baton/
COPY commands/ commands/
COPY alerts/ alerts/
COPY bot/ bot/
COPY baton_slack_testing/ baton_slack_testing/
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels . \
    && python -m venv --without-pip /opt/baton \
    && pip --python /opt/baton/bin/python install --no-cache-dir --only-binary :all: \
        --constraint constraints.txt "$(echo /wheels/*.whl)[bot]"

FROM python:3.11-slim-bookworm
# Agents fetch what they deploy with git.
RUN apt-get update \
    && apt-get install -y --no-install-recommends git openssh-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/baton --create-home baton \
    && install -d -o baton /srv/git
COPY --from=build /opt/baton /opt/baton
ENV PATH=/opt/baton/bin:$PATH PYTHONUNBUFFERED=1
USER baton
WORKDIR /var/lib/baton
VOLUME /var/lib/baton
ENTRYPOINT ["baton"]
CMD ["--help"]
