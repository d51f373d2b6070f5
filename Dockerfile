# It builds with BuildKit, with Docker's classic builder, with buildah and in Azure: no mounts, no secrets, and no file
# capability is copied, because the classic builder loses those. EXTRA_CA is for networks whose proxy intercepts TLS: the
# certificate of its authority, as text. It stays in the stages that download; the image and its history have none of it.

# The relay, compiled. npm passes over a workspace whose folder is missing: client/ comes after it, for its commands.
FROM node:24-bookworm-slim AS build
ARG EXTRA_CA=""
WORKDIR /app
COPY package.json package-lock.json ./
RUN if [ -n "$EXTRA_CA" ]; then \
    printf '%s\n' "$EXTRA_CA" >/tmp/extra-ca.pem && export NODE_EXTRA_CA_CERTS=/tmp/extra-ca.pem; \
  fi \
  && { npm ci || { echo 'npm could not install: where a proxy intercepts TLS, give its authority with --build-arg EXTRA_CA="$(cat ca.pem)"' >&2; exit 1; }; }
COPY tsconfig.json tsconfig.build.json ./
COPY protocol ./protocol
COPY client ./client
COPY relay ./relay
# The script of the try-it page.
COPY page ./page
COPY scripts/build-page.ts scripts/build-relay.ts ./scripts/
RUN npm run build:relay && find dist -name '*.d.ts' -delete

# The modules that it needs at run time, without their maps and types: 36 MB of 66. None of them has an install script.
FROM node:24-bookworm-slim AS modules
ARG EXTRA_CA=""
WORKDIR /app
COPY package.json package-lock.json ./
RUN if [ -n "$EXTRA_CA" ]; then \
    printf '%s\n' "$EXTRA_CA" >/tmp/extra-ca.pem && export NODE_EXTRA_CA_CERTS=/tmp/extra-ca.pem; \
  fi \
  && { npm ci --omit=dev --ignore-scripts || { echo 'npm could not install: where a proxy intercepts TLS, give its authority with --build-arg EXTRA_CA="$(cat ca.pem)"' >&2; exit 1; }; } \
  && find node_modules -name '*.map' -delete -o -name '*.d.ts' -delete -o -name '*.d.[cm]ts' -delete \
  && rm node_modules/.package-lock.json

# What comes from Debian's packages. Their lists and logs, which differ from day to day, stay here.
FROM debian:bookworm-slim AS packages
ARG EXTRA_CA=""
RUN if [ -n "$EXTRA_CA" ]; then \
    printf '%s\n' "$EXTRA_CA" >/tmp/extra-ca.pem \
    && echo 'Acquire::https::CaInfo "/tmp/extra-ca.pem";' >/etc/apt/apt.conf.d/99extra-ca; \
  fi \
  && apt-get update \
  && apt-get install --yes --no-install-recommends libcap2-bin libjemalloc2 \
  && mkdir --parents /out/lib/postern \
  && cp "$(find /usr/lib -name libjemalloc.so.2)" "$(command -v setcap)" /out/lib/postern/

# Debian rather than the node image: that one has npm.
FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="Postern" \
  org.opencontainers.image.description="A relay on TCP 443 with TLS for peers behind corporate firewalls" \
  org.opencontainers.image.licenses="Apache-2.0"

# The node image is this Debian and the user `node`, uid 1000.
COPY --from=modules /etc/passwd /etc/group /etc/
COPY --from=modules /usr/local/bin/node /usr/local/bin/node
COPY --from=packages /out/ /usr/local/
COPY infra/container/postern /usr/local/bin/postern
# The directory is what a volume that is mounted there belongs to. No VOLUME: Railway refuses to build a file that has one,
# and an unnamed volume is lost with its container, like the directory itself.
#
# jemalloc: Node takes 64 KiB per connection to read into and touches few of them; glibc scatters them over memory that was
# used before. With the young generation kept to 1 MiB an idle TLS connection takes 38 KiB in place of 51; ws on glibc, 53
# (4,000 connections; the bench's W4 has 1,000). Its default decay stays: one of 0 or 200 ms saves 1 to 2 KiB more, and costs a stream of
# 64 KiB messages more than it gains (W3). A file and no LD_PRELOAD, which is for whoever runs the image.
#
# The right to bind low ports is that of a small copy of setpriv, which hands it to node: on node itself it would store that
# binary a second time, and nobody could run it with all capabilities dropped. 0x400 is that right.
RUN install --directory --owner=node --group=node --mode=0700 /var/lib/postern \
  && chmod 755 /usr/local/bin/postern \
  && echo /usr/local/lib/postern/libjemalloc.so.2 >/etc/ld.so.preload \
  && cp /usr/bin/setpriv /usr/local/lib/postern/setpriv \
  && { /usr/local/lib/postern/setcap cap_net_bind_service=+p /usr/local/lib/postern/setpriv \
    || { echo 'This builder cannot set file capabilities, and without one the relay could not take port 443 as an ordinary user: build as root, with Docker, buildah or az acr build.' >&2; exit 1; }; } \
  && rm /usr/local/lib/postern/setcap \
  && { setpriv --reuid=node --regid=node --clear-groups /usr/local/lib/postern/setpriv \
      --inh-caps=+net_bind_service --ambient-caps=+net_bind_service \
      node --print 'fs.readFileSync("/proc/self/status", "utf8")' | grep --quiet '^CapEff:.*0400$' \
    || { echo 'node does not start here, or this builder ignores file capabilities: see the line above, and build with Docker, buildah or az acr build.' >&2; exit 1; }; } \
  && { node --print 'fs.readFileSync("/proc/self/maps", "utf8")' | grep --quiet libjemalloc \
    || { echo 'jemalloc is not loaded: does /usr/local/lib/postern/libjemalloc.so.2 fit to this platform?' >&2; exit 1; }; }

WORKDIR /app
COPY package.json ./
COPY --from=modules /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist

# PORT is set so that a relay that may not bind 443 stops and says so, and does not take 8443 that nobody forwards to.
ENV NODE_ENV=production PORT=443
# By number: an orchestrator can only tell from a number that the user is not root.
USER 1000:1000
EXPOSE 443
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
  CMD ["node", "/app/dist/relay/main.js", "health"]
ENTRYPOINT ["postern"]
CMD ["serve"]
