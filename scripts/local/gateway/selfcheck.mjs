// Run before the gateway says it is ready. The bridges lean on internals of an alpha package: after an upgrade
// one may quietly stop holding, and tests would then prove nothing. Each check names its bridge when it fails.
// Everything happens in a throw-away schema that is dropped again, whatever the outcome.
import crypto from "node:crypto";
import * as jose from "jose";
import { settings } from "./settings.mjs";

const PREFIX = "lin_selfcheck_";
const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00$/;

async function dropLeftovers(sql) {
  const schemas = await sql`select nspname from pg_namespace where starts_with(nspname, ${PREFIX})`;
  for (const { nspname } of schemas) await sql`drop schema ${sql(nspname)} cascade`;
}

async function createObjects(sql, schema) {
  const name = sql(schema);
  await sql`create schema ${name}`;
  await sql`grant usage on schema ${name} to anon, authenticated`;
  await sql`create table ${name}.notes (id int primary key, shown boolean, secret text, written_at timestamptz)`;
  await sql`alter table ${name}.notes enable row level security`;
  await sql`create policy "shown rows are public" on ${name}.notes for select to anon using (shown)`;
  await sql`grant select (id, shown, written_at) on ${name}.notes to anon`;
  await sql`insert into ${name}.notes values (1, true, 'hidden', now()), (2, false, 'hidden', now())`;
  await sql`
    create function ${name}.kind_of(value jsonb) returns text language sql immutable set search_path = ''
    as 'select jsonb_typeof(value)'`;
  await sql`
    create function ${name}.caller() returns uuid language sql stable set search_path = '' as 'select auth.uid()'`;
  await sql`grant execute on all functions in schema ${name} to anon, authenticated`;
}

function describe(answer) {
  return `HTTP ${answer.status} ${JSON.stringify(answer.body)}`;
}

const checks = {
  // stays the first request of this process: that is when lite would settle whether RLS applies at all
  async "row-level security (the first request must already be under it)"({ ask }) {
    const answer = await ask("/notes?select=id,shown");
    const ids = Array.isArray(answer.body) ? answer.body.map((row) => row.id) : null;
    if (JSON.stringify(ids) !== "[1]") return `anon should see row 1 of 2 and got ${describe(answer)}`;
  },
  async "column grants (anon must not read a revoked column)"({ ask }) {
    const answer = await ask("/notes?select=secret");
    if (answer.body?.code !== "42501") return `reading a column without a grant should end in 42501 and got ${describe(answer)}`;
  },
  async "timestamps (ISO 8601 with a T)"({ ask }) {
    const answer = await ask("/notes?select=written_at");
    const value = answer.body?.[0]?.written_at;
    if (!ISO.test(value ?? "")) return `a timestamptz should read like 2026-11-21T05:04:19+00:00 and got ${describe(answer)}`;
  },
  async "json arguments (an object must arrive as an object)"({ ask }) {
    const answer = await ask("/rpc/kind_of", { body: { value: { a: 1 } } });
    if (answer.body !== "object") return `jsonb_typeof of an object argument should be "object" and got ${describe(answer)}`;
  },
  async "tokens (the JWKS must verify a fresh token, and REST must accept it)"({ ask, handle, origin, tokens }) {
    const sub = crypto.randomUUID();
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: tokens.issuer, sub, aud: "authenticated", role: "authenticated", iat: now, exp: now + 60 };
    const token = await tokens.sign(claims);
    const jwks = await (await handle(new Request(`${origin}/auth/v1/.well-known/jwks.json`), {})).json();
    try {
      await jose.jwtVerify(token, jose.createLocalJWKSet(jwks), { issuer: tokens.issuer, audience: "authenticated" });
    } catch (error) {
      return `the published JWKS does not verify a token signed a moment ago: ${error.message}`;
    }
    const answer = await ask("/rpc/caller", { token, body: {} });
    if (answer.body !== sub) return `auth.uid() should be ${sub} and got ${describe(answer)}`;
  },
};

/** Throws an Error that names every bridge which no longer holds. */
export async function selfCheck({ app, sql, tokens, handle, origin, connection }) {
  const schema = PREFIX + crypto.randomBytes(6).toString("hex");
  const exposed = app.config.api.schemas;

  async function ask(path, { body, token } = {}) {
    const headers = { apikey: settings.publishableKey, "accept-profile": schema, "content-profile": schema };
    if (token) headers.authorization = `Bearer ${token}`;
    if (body) headers["content-type"] = "application/json";
    const init = { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) };
    const response = await handle(new Request(`${origin}/rest/v1${path}`, init), { peerAddress: "127.0.0.1" });
    return { status: response.status, body: await response.json().catch(() => null) };
  }

  const broken = [];
  try {
    await dropLeftovers(sql);
    await createObjects(sql, schema);
    app.config.api.schemas = [...exposed, schema];
    await connection.clearSchemaCache();
    for (const [bridge, check] of Object.entries(checks)) {
      const found = await check({ ask, handle, origin, tokens }).catch((error) => error.message);
      if (found) broken.push(`  ${bridge}: ${found}`);
    }
  } finally {
    app.config.api.schemas = exposed;
    await dropLeftovers(sql);
    await connection.clearSchemaCache();
  }
  if (broken.length)
    throw new Error(`self-check: the local gateway no longer behaves like hosted Supabase.\n${broken.join("\n")}`);
}
