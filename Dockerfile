# Two images from one build:
#   docker build -t choriste .                                     the product
#   docker build -t chorus-sim --target chorus-sim .               the simulator, which production never contains

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/ ./cmd/choriste ./cmd/chorus-sim \
    && go run ./deploy/licences -notices /out/choriste.txt ./cmd/choriste \
    && go run ./deploy/licences -notices /out/chorus-sim.txt ./cmd/chorus-sim \
    && install -d -m 1777 /out/state

# Certificates, time zones and a user of its own; no shell and no package manager.
FROM gcr.io/distroless/static-debian12 AS chorus-sim
LABEL org.opencontainers.image.title="chorus-sim" \
      org.opencontainers.image.description="Simulator of PISTE and Chorus Pro" \
      org.opencontainers.image.source="https://github.com/choriste/choriste" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /out/chorus-sim /chorus-sim
COPY --from=build /out/chorus-sim.txt /THIRD-PARTY-NOTICES.txt
USER 65532:65532
EXPOSE 18080 18081
ENTRYPOINT ["/chorus-sim"]
CMD ["-listen", "0.0.0.0:18080", "-manage", "0.0.0.0:18081"]
HEALTHCHECK --interval=5s --timeout=6s CMD ["/chorus-sim", "-health", "-manage", "127.0.0.1:18081"]

FROM gcr.io/distroless/static-debian12 AS choriste
LABEL org.opencontainers.image.title="choriste" \
      org.opencontainers.image.description="Durable invoice queue and worker for Chorus Pro" \
      org.opencontainers.image.source="https://github.com/choriste/choriste" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /out/choriste /choriste
COPY --from=build /out/choriste.txt /THIRD-PARTY-NOTICES.txt
# For CHORISTE_STATE_DIR: a volume that is put here begins with this directory's rights.
COPY --from=build /out/state /state
USER 65532:65532
EXPOSE 8080
# SIGTERM drains for CHORISTE_SHUTDOWN_TIMEOUT (25 s): give the container longer than that to stop.
STOPSIGNAL SIGTERM
# No HEALTHCHECK: there is no shell here, and an orchestrator asks /healthz and /readyz from outside.
ENTRYPOINT ["/choriste"]
CMD ["work"]
