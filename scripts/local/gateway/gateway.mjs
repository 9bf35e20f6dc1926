// One request through the gateway: discovery, admin, then lite behind the bridges of its service.
import { createAdmin } from "./admin.mjs";
import { createAuth, discovery, isSecretKey } from "./auth.mjs";
import { json } from "./responses.mjs";
import { createStorage } from "./storage.mjs";

function tokenOf(request) {
  const bearer = /^Bearer (.+)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
  return bearer?.split(".").length === 3 ? bearer : null;
}

export function createGateway({ app, sql, tokens, mailer }) {
  const admin = createAdmin(sql);
  const auth = createAuth({ app, sql, tokens, mailer });
  const storage = createStorage(app);

  async function innerHeaders(request, token) {
    const headers = new Headers(request.headers);
    const inner = token && (await tokens.toInner(token));
    if (inner) headers.set("authorization", `Bearer ${inner}`);
    return headers;
  }

  async function route(request, context) {
    const url = new URL(request.url);
    if (url.pathname === "/_local/health") return json({ ok: true });
    const known = discovery(url.pathname, tokens);
    if (known) return known;
    if (url.pathname.startsWith("/auth/v1/admin/") && request.method !== "OPTIONS") {
      if (await isSecretKey(request.headers.get("apikey"), tokens)) return admin(request, url);
      return json({ code: 401, error_code: "not_admin", msg: "User not allowed" }, 401);
    }
    const token = tokenOf(request);
    if (url.pathname.startsWith("/rest/v1/")) {
      const claims = token && (await tokens.claims(token));
      if (claims || !token) return app.fetch(request, { ...context, claims });
    }
    const headers = await innerHeaders(request, token);
    if (url.pathname.startsWith("/auth/v1/")) return auth(request, context, headers, url);
    if (url.pathname.startsWith("/storage/v1/")) return storage(request, context, headers, url);
    const init = { method: request.method, headers, redirect: "manual" };
    if (!["GET", "HEAD"].includes(request.method)) Object.assign(init, { body: request.body, duplex: "half" });
    return app.fetch(new Request(request.url, init), context);
  }

  return async function handle(request, context) {
    try {
      return await route(request, context);
    } catch (error) {
      console.error(`${request.method} ${new URL(request.url).pathname}: ${error.stack}`);
      return json({ code: 500, error_code: "unexpected_failure", msg: "the local gateway failed; see its log" }, 500);
    }
  };
}
