# The relay, compiled. client/ is not copied: npm passes over a workspace whose folder is missing.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY protocol ./protocol
COPY relay ./relay
RUN npm run build && find dist -name '*.d.ts' -delete

# The modules that it needs at run time, without their maps and types: 36 MB of 66. None of them has an install script.
FROM node:24-bookworm-slim AS modules
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts \
  && find node_modules -name '*.map' -delete -o -name '*.d.ts' -delete -o -name '*.d.[cm]ts' -delete

# Node that may bind ports below 1024 as any user.
FROM node:24-bookworm-slim AS runtime
RUN apt-get update \
  && apt-get install --yes --no-install-recommends libcap2-bin \
  && setcap cap_net_bind_service=+ep /usr/local/bin/node

# Debian rather than the node image: that one has npm, and setcap in it would store the node binary a second time.
FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="Postern" \
  org.opencontainers.image.description="A relay on TCP 443 with TLS for peers behind corporate firewalls" \
  org.opencontainers.image.licenses="Apache-2.0"

# The node image is this Debian and the user `node`, uid 1000.
COPY --from=runtime /etc/passwd /etc/group /etc/
# Without --chown and --chmod: a change of owner clears file capabilities.
COPY --from=runtime /usr/local/bin/node /usr/local/bin/node
# The directory is what a volume that is mounted there belongs to. No VOLUME: Railway refuses to build a file that has one,
# and an unnamed volume is lost with its container, like the directory itself.
# The build fails here where node lacks a library, or where the builder lost the capability on the way: 0x400 is the
# right to bind low ports.
RUN install --directory --owner=node --group=node --mode=0700 /var/lib/postern \
  && setpriv --reuid=node --regid=node --clear-groups \
    node --print 'fs.readFileSync("/proc/self/status", "utf8")' | grep --quiet '^CapEff:.*0400$'

# jemalloc: Node takes 64 KiB per connection to read into and touches few of them; glibc scatters them over memory that was
# used before. With the young generation kept to 1 MiB an idle TLS connection takes 38 KiB in place of 51; ws on glibc, 53
# (4,000 connections; the bench's W4 has 1,000). Its default decay stays: one of 0 or 200 ms saves 1 to 2 KiB more, and costs a stream of
# 64 KiB messages more than it gains (W3). A file and no LD_PRELOAD: for a binary with capabilities the loader ignores that,
# and a bare name too. The build fails where it is not loaded. NODE_OPTIONS is heeded with this one capability.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends libjemalloc2 \
  && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
  && find /usr/lib -name libjemalloc.so.2 >/etc/ld.so.preload \
  && setpriv --reuid=node --regid=node --clear-groups \
    node --print 'fs.readFileSync("/proc/self/maps", "utf8")' | grep --quiet libjemalloc
ENV NODE_OPTIONS=--max-semi-space-size=1

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
ENTRYPOINT ["node", "/app/dist/relay/main.js"]
CMD ["serve"]
