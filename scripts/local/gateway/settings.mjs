// What the launcher hands over, read once. Every value is made at random per state directory: nothing here
// may ever be a real project's key, so the gateway refuses to run where production is named.

function required(name) {
  const value = process.env[name];
  if (!value) throw new Error(`the gateway needs ${name}; start it through scripts/dev or local.stack`);
  return value;
}

if ((process.env.APP_ENV ?? "development") === "production")
  throw new Error("the local gateway is for development only and refuses to start with APP_ENV=production");

const frontend = required("GATEWAY_FRONTEND_URL").replace(/\/+$/, "");

export const settings = {
  port: Number(process.env.GATEWAY_PORT ?? 15421),
  databaseUrl: required("GATEWAY_DATABASE_URL"),
  stateDirectory: required("GATEWAY_STATE_DIR"),
  smtpUrl: required("SMTP_URL"),
  mailFrom: process.env.MAIL_FROM ?? "Lin <no-reply@lin.localhost>",
  frontend,
  // Hosted Auth keeps the same list in its dashboard; here it is "any page of these origins".
  redirectOrigins: [frontend, ...(process.env.FRONTEND_ORIGINS ?? "").split(",")]
    .map((origin) => origin.trim().replace(/\/+$/, ""))
    .filter((origin, i, all) => origin && all.indexOf(origin) === i),
  publishableKey: required("GATEWAY_PUBLISHABLE_KEY"),
  secretKey: required("GATEWAY_SECRET_KEY"),
  // The HS256 secret lite signs with inside; outside it is only the secret of the legacy anon/service_role keys.
  jwtSecret: required("GATEWAY_JWT_SECRET"),
  poolSize: Number(process.env.GATEWAY_POOL_SIZE ?? 8),
  statementTimeoutMs: Number(process.env.GATEWAY_STATEMENT_TIMEOUT_MS ?? 8000),
};

/** The address to send a person back to: the one asked for when it is on an allowed origin, else the frontend. */
export function allowedRedirect(asked) {
  if (!asked) return settings.frontend;
  try {
    return settings.redirectOrigins.includes(new URL(asked).origin) ? asked : settings.frontend;
  } catch {
    return settings.frontend;
  }
}
