// The Postgres connection under lite, with the bridges that make values and errors look as PostgREST sends them.
import fs from "node:fs/promises";
import path from "node:path";
import { sql as query } from "kysely";
import postgres from "postgres";
import { createPostgresConnection } from "@supabase/lite/postgres";
import { settings } from "./settings.mjs";

// part of what is prepared: see prepareStatements
let schemaVersion = 0;
const AFTER_LITE = path.join(import.meta.dirname, "..", "postgres", "after_lite.sql");

// B timestamps: Postgres prints "2026-11-21 05:04:19+00"; PostgREST and GoTrue send ISO 8601, and supabase-py insists.
function isoTime(text) {
  if (text === null || text === "infinity" || text === "-infinity") return text;
  return text.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00");
}

// B json arguments: lite hands over JSON *text*, which the driver would encode a second time.
function jsonText(value) {
  if (typeof value === "string") {
    try {
      JSON.parse(value);
      return value;
    } catch {
      // a plain string: encode it below
    }
  }
  return JSON.stringify(value);
}

// B vectors: their type numbers differ per database, so they are looked up before the pool is opened.
async function vectorTypes() {
  const sql = postgres(settings.databaseUrl, { max: 1, onnotice: () => {} });
  try {
    const rows = await sql`select typname, oid::int from pg_type where typname in ('vector', 'halfvec', 'sparsevec')`;
    const type = ({ oid }) => ({
      to: oid,
      from: [oid],
      serialize: (value) => (Array.isArray(value) ? JSON.stringify(value) : value),
      parse: (value) => value,
    });
    return Object.fromEntries(rows.map((row) => [row.typname, type(row)]));
  } finally {
    await sql.end();
  }
}

function wireTypes(vectors) {
  const same = (value) => value;
  return {
    ...vectors,
    timestamptz: { to: 1184, from: [1184], serialize: same, parse: isoTime },
    timestamp: { to: 1114, from: [1114], serialize: same, parse: isoTime },
    jsonb: { to: 3802, from: [3802], serialize: jsonText, parse: JSON.parse },
    json: { to: 114, from: [114], serialize: jsonText, parse: JSON.parse },
    // B numeric: a JSON number as long as JavaScript can hold it exactly
    numeric: {
      to: 1700,
      from: [1700],
      serialize: String,
      parse: (text) => (text.replace(/[-.]/g, "").length <= 15 ? Number(text) : text),
    },
    // B bytea: the \x text form, as PostgREST
    bytea: {
      to: 17,
      from: [17],
      serialize: (value) => (typeof value === "string" ? value : "\\x" + Buffer.from(value).toString("hex")),
      parse: same,
    },
  };
}

const MAPPED_BY_LITE = /^(42|22|21|23502|23503|23505|25006|PGRST|PT)/;

function httpStatus(sqlState) {
  if (sqlState === "P0001") return 400;
  if (/^(08|53)/.test(sqlState)) return 503;
  if (/^(09|25|2D|38|39|3B|40|54|55|57|58|F0|HV|P0|XX)/.test(sqlState)) return 500;
  if (/^(0L|0P|28)/.test(sqlState)) return 403;
  return 400;
}

// B errors: lite turns most SQLSTATEs (P0001, 23P01, 57014, ...) into 500 "SUP"; PostgREST answers with the code.
function postgrestError(error) {
  if (error?.routine === "RevalidateCachedQuery") {
    // prepared before a change of the schema that nobody has told us of yet; the transaction is lost
    schemaVersion += 1;
    return answer(503, "PGRST002", "The schema has just changed; try again.");
  }
  const code = error?.code;
  if (typeof code !== "string" || !/^[0-9A-Z]{5}$/.test(code) || MAPPED_BY_LITE.test(code)) return error;
  return answer(httpStatus(code), code, error.message, error.detail, error.hint);
}

function answer(status, code, message, details = null, hint = null) {
  return Object.assign(new Error(JSON.stringify({ code, message, details, hint })), {
    code: "PGRST",
    detail: JSON.stringify({ status, headers: {} }),
    statementFailed: true,
  });
}

// B settings of a request: lite makes them one by one, eleven of the fifteen statements of a call; PostgREST makes them at once.
const settingsAtOnce = {
  async applyJwtSessionContext(transaction, { auth, storage }) {
    const role = auth?.role || "anon";
    const made = {
      role,
      "request.jwt.claim.sub": String(auth?.uid ?? ""),
      "request.jwt.claim.role": role,
      "storage.operation": String(storage?.operation ?? ""),
    };
    if (auth?.jwt && typeof auth.jwt === "object") made["request.jwt.claims"] = JSON.stringify(auth.jwt);
    await setLocally(transaction, made);
  },
  async applyRpcRequestGucs(transaction, { method, path: asked, requestHeaders }) {
    await setLocally(transaction, {
      "response.status": "",
      "response.headers": "",
      "request.method": method,
      "request.path": asked,
      "request.headers": JSON.stringify(requestHeaders ?? {}),
    });
  },
};

function setLocally(transaction, made) {
  const calls = Object.entries(made).map(([name, value]) => query`set_config(${name}, ${value}, true)`);
  return query`select ${query.join(calls)}`.execute(transaction);
}

// B prepared statements, as PostgREST makes them: lite has Postgres parse and plan every call anew, and asks before each for
// the types of its arguments. The version in their text makes others of them when the schema changes.
function prepareStatements(connection) {
  const { driver } = connection;
  const { reserve } = driver;
  const clear = connection.clearSchemaCache.bind(connection);
  connection.clearSchemaCache = () => {
    schemaVersion += 1;
    return clear();
  };
  driver.reserve = async () => {
    const reserved = await reserve();
    const { unsafe } = reserved;
    reserved.unsafe = (text, values) => {
      // nothing has to wait for it: what follows on the connection comes after it, or fails with it
      if (text === "begin") {
        unsafe(text).catch(() => {});
        return Object.assign([], { command: "BEGIN", count: null });
      }
      return values?.length
        ? unsafe(`${text} -- schema ${schemaVersion}`, values, { prepare: true })
        : unsafe(text, values);
    };
    return reserved;
  };
}

/** Lite's connection. Its `driver` is the postgres.js client, which the other modules use as `sql`. */
export async function connect() {
  const connection = createPostgresConnection({
    url: settings.databaseUrl,
    postgresOptions: {
      max: settings.poolSize,
      onnotice: () => {},
      // seconds between attempts to connect: the driver would wait up to 20 after a restart of the database
      backoff: () => 0.05,
      connection: { application_name: "lin-gateway", statement_timeout: settings.statementTimeoutMs },
      types: wireTypes(await vectorTypes()),
    },
  });
  // B row-level security: without this lite decides at the first request whether RLS is on. It may then stay off
  // for good, or it grants every table to anon and authenticated, which undoes column grants.
  connection.rlsState = "active";
  connection.normalizeDbError = postgrestError;
  prepareStatements(connection);
  return Object.assign(connection, settingsAtOnce);
}

/** The definitions hosted Supabase has and lite has not; then follow DDL as PostgREST does. */
export async function finishSchemas(connection) {
  const sql = connection.driver;
  const [{ users, objects }] = await sql`
    select to_regclass('auth.users') is not null as users, to_regclass('storage.objects') is not null as objects`;
  if (!users || !objects) throw new Error("lite did not create auth.users and storage.objects");
  await sql.unsafe(await fs.readFile(AFTER_LITE, "utf8"));
  // B schema cache: lite never reloads; the event triggers of after_lite.sql announce every DDL here
  await sql.listen("pgrst", (payload) => {
    if (!payload || payload === "reload schema") return connection.clearSchemaCache();
  });
}

/** lite prints every failed statement; the caller gets the error in the answer, so the log stays readable. */
export function silenceFailedStatements() {
  const print = console.error;
  console.error = (...args) => {
    const error = args[0];
    if (error?.severity || error?.statementFailed || error?.name === "PostgresError") return;
    print(...args);
  };
}
