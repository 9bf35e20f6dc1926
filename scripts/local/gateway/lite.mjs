// Supabase Lite as the hosted services behind the gateway, configured in code (names as in supabase/config.toml).
import path from "node:path";
import { App, setExperimental } from "@supabase/lite";
import { DiskAdapter } from "./disk.mjs";
import { templates } from "./mail.mjs";
import { settings } from "./settings.mjs";

// B REST with a token: lite verifies it twice and looks for the user and the session; PostgREST takes the word of a verified token.
async function takeClaims(context, next) {
  const { claims } = context.env;
  if (claims) {
    context.set("jwt", claims);
    context.set("userId", claims.sub);
    context.set("ignoreAuthorization", true);
  }
  await next();
}

export async function createLite(connection, origin, tokens, mailer) {
  setExperimental("storage", true);
  const app = new App({
    connection,
    api: { enabled: true, schemas: ["public"], max_rows: 1000, external_url: origin },
    auth: {
      enabled: true,
      site_url: settings.frontend,
      additional_redirect_urls: settings.redirectOrigins.flatMap((allowed) => [allowed, `${allowed}/**`]),
      jwt_secret: settings.jwtSecret,
      jwt_expiry: 3600,
      enable_signup: true,
      enable_refresh_token_rotation: true,
      refresh_token_reuse_interval: 10,
      minimum_password_length: 8,
      publishable_key: settings.publishableKey,
      secret_key: settings.secretKey,
      email: {
        enable_signup: true,
        enable_confirmations: true,
        double_confirm_changes: true,
        otp_length: 6,
        otp_expiry: 3600,
        template: templates,
      },
    },
    storage: { enabled: true, file_size_limit: "500MiB" },
    // otherwise lite creates supabase_migrations as its own login and the CLI may not write to it
    db: { migrations: { enabled: false } },
    studio: { enabled: false },
    options: {
      drivers: { email: mailer },
      server: {
        // admin mode would serve requests without any key as service_role
        admin: false,
        disableStudio: true,
        middlewares: [takeClaims],
        apiKeys: { resolver: (key) => tokens.apiKey(key) },
      },
    },
  });
  // set before ensureSystemSchema(), or the storage schema is not created
  app._storageAdapter = new DiskAdapter(path.join(settings.stateDirectory, "storage"));
  await app.ensureSystemSchema();
  return app;
}
