# docker build -t redisops:1.0.0-rc.1 .
FROM node:24.21.0-bookworm-slim AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
# The same files as npm publishes, beside the versions that the lock file names.
RUN node_modules/.bin/tsc -p tsconfig.build.json \
  && npm pack --ignore-scripts --pack-destination /tmp \
  && mkdir -p /opt/redisops \
  && tar -xzf /tmp/redisops-*.tgz -C /opt/redisops --strip-components=1 \
  && cp package-lock.json /opt/redisops/ \
  && cd /opt/redisops \
  && npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
  && rm package-lock.json

FROM node:24.21.0-bookworm-slim
# Nothing is installed at run time.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn-*
# Owned by root, so that the process cannot change its own code.
COPY --from=build /opt/redisops /opt/redisops
RUN ln -s /opt/redisops/bin/redisops.js /usr/local/bin/redisops
ENV NODE_ENV=production \
    MALLOC_ARENA_MAX=2 \
    XDG_STATE_HOME=/var/lib/redisops \
    REDISOPS_CONFIG=/etc/redisops/redisops.yaml
# Journals of recoveries; a volume in its place keeps them. Nothing else is written, but for /tmp.
RUN install -d -o 10001 -g 10001 -m 0700 /var/lib/redisops
USER 10001:10001
EXPOSE 9910
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9910/-/healthy', { signal: AbortSignal.timeout(4000) }).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["redisops"]
CMD ["exporter", "--web.listen-address", ":9910"]
