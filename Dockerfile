# docker build -t kindred . && docker run --rm -v kindred:/indexes -v "$PWD:/data:ro" kindred index /data/notes
FROM swift:6.2-bookworm AS builder
WORKDIR /kindred
COPY Scripts/setup Scripts/setup
# libgfortran is needed where OpenBLAS is linked statically.
RUN bash -euc "source Scripts/setup" && apt-get install -y -q --no-install-recommends libgfortran-12-dev libbsd-dev libmd-dev \
    libncurses-dev python3 git
COPY . .
RUN Scripts/package && mv dist/build/kindred-*/ /package

FROM debian:bookworm-slim
# PDF files and 7z archives are read by programs.
RUN apt-get update -q \
    && apt-get install -y -q --no-install-recommends poppler-utils 7zip \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 1000 kindred \
    && install -d -o kindred -g kindred /indexes
COPY --from=builder /package/bin/kindred /usr/local/bin/kindred
COPY --from=builder /package/share/kindred /usr/local/share/kindred
USER kindred
ENV KINDRED_INDEXES=/indexes
VOLUME /indexes
WORKDIR /data
ENTRYPOINT ["kindred"]
