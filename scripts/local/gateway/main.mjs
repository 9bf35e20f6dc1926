// The local Supabase: Supabase Lite on a real Postgres behind bridges to the hosted services' behaviour.
// Development only. Started by local.stack with what settings.mjs names in the environment.
import { once } from "node:events";
import { createServer } from "node:http";
import fs from "node:fs/promises";
import { getRequestListener } from "@hono/node-server";
import { connect, finishSchemas, silenceFailedStatements } from "./database.mjs";
import { createGateway } from "./gateway.mjs";
import { createLite } from "./lite.mjs";
import { createMailer } from "./mail.mjs";
import { selfCheck } from "./selfcheck.mjs";
import { settings } from "./settings.mjs";
import { createTokens } from "./tokens.mjs";

const PORTS_TRIED = 200;

/** Listen on the first free port from `first` (0: any); requests wait until `serve` gets its handler. */
async function listen(server, first) {
  for (let port = first; port <= first + PORTS_TRIED; port++) {
    try {
      server.listen(port, "127.0.0.1");
      await once(server, "listening"); // rejects on "error"
      return server.address().port;
    } catch (error) {
      if (error.code !== "EADDRINUSE") throw error;
    }
  }
  throw new Error(`no free port between ${first} and ${first + PORTS_TRIED}`);
}

async function main() {
  silenceFailedStatements();
  await fs.mkdir(settings.stateDirectory, { recursive: true });
  let handle = async () => new Response("starting", { status: 503 });
  const server = createServer(
    getRequestListener((request, env) => {
      return handle(request, { peerAddress: env.incoming.socket.remoteAddress ?? null });
    }),
  );
  const port = await listen(server, settings.port);
  const origin = `http://127.0.0.1:${port}`;

  const connection = await connect();
  const sql = connection.driver;
  const mailer = createMailer();
  const tokens = await createTokens(origin, sql);
  const app = await createLite(connection, origin, tokens, mailer);
  await finishSchemas(connection);
  const gateway = createGateway({ app, sql, tokens, mailer });
  await selfCheck({ app, sql, tokens, handle: gateway, origin, connection });
  handle = gateway;

  let stopping = false;
  const stop = () => {
    if (stopping) process.exit(1);
    stopping = true;
    setTimeout(() => process.exit(0), 1000).unref();
    server.close(async () => {
      mailer.close();
      await connection.close();
      process.exit(0);
    });
    server.closeIdleConnections();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  console.log(JSON.stringify({ ready: origin }));
}

main().catch((error) => {
  console.error(error.message.startsWith("self-check:") ? error.message : error);
  process.exit(1);
});
