// Bridges on /auth/v1: where lite answers otherwise than hosted Auth.
import crypto from "node:crypto";
import { confirmLink } from "./mail.mjs";
import { json, jsonRequest, withHeader, withJson } from "./responses.mjs";
import { allowedRedirect } from "./settings.mjs";

export function createAuth({ app, sql, tokens, mailer }) {
  // B resend: lite answers 429 to every unconfirmed sign-up and never sends again
  async function sendConfirmationAgain(address, redirectTo) {
    const email = String(address).toLowerCase();
    const code = String(crypto.randomInt(0, 1_000_000)).padStart(6, "0");
    // lite's own token format: sha256 over the address and the code
    const hash = crypto.createHash("sha256").update(email + code).digest("hex");
    const [user] = await sql`
      update auth.users set confirmation_token = ${hash}, confirmation_sent_at = now()
      where email = ${email} and email_confirmed_at is null returning id`;
    if (!user) return;
    const link = confirmLink(hash, "signup", redirectTo);
    await mailer.leadingTo(redirectTo, () =>
      mailer.send({
        to: email,
        subject: "Confirm your address",
        text: `Confirm your signup with this code: ${code}\n\nOr follow this link: ${link}`,
        html: `<p>Confirm your address with the code <strong>${code}</strong> or <a href="${link.replaceAll("&", "&amp;")}">follow this link</a>.</p>`,
      }),
    );
  }

  // B sign-up of a known address: GoTrue answers 200 with a made-up user (identities: []), lite 429
  async function signUp(request, context, headers, redirectTo) {
    const body = await request.json().catch(() => ({}));
    const response = await app.fetch(jsonRequest(request.url, "POST", headers, body), context);
    if (response.status !== 429) return response;
    await sendConfirmationAgain(body.email, redirectTo);
    const now = new Date().toISOString();
    return json({
      id: crypto.randomUUID(),
      aud: "authenticated",
      role: "",
      email: body.email,
      phone: "",
      confirmation_sent_at: now,
      app_metadata: { provider: "email", providers: ["email"] },
      user_metadata: body.data ?? {},
      identities: [],
      created_at: now,
      updated_at: now,
      is_anonymous: false,
    });
  }

  async function resend(request, context, headers, redirectTo) {
    const body = await request.json().catch(() => ({}));
    const response = await app.fetch(jsonRequest(request.url, "POST", headers, body), context);
    if (response.status !== 429 || body.type !== "signup") return response;
    await sendConfirmationAgain(body.email, redirectTo);
    return json({});
  }

  // B verify type "email": the current name for what lite calls magiclink and signup
  async function verify(request, context, headers) {
    const body = await request.json().catch(() => ({}));
    let response;
    for (const type of body.type === "email" ? ["magiclink", "signup"] : [body.type]) {
      response = await app.fetch(jsonRequest(request.url, "POST", headers, { ...body, type }), context);
      if (response.ok) break;
    }
    return response;
  }

  async function forward(request, context, headers) {
    const init = { method: request.method, headers, redirect: "manual" };
    if (!["GET", "HEAD"].includes(request.method)) Object.assign(init, { body: request.body, duplex: "half" });
    return app.fetch(new Request(request.url, init), context);
  }

  // B tokens: every session that leaves carries an ES256 token, in JSON or in the fragment of a redirect
  async function withHostedTokens(response) {
    const location = response.headers.get("location");
    if (location?.includes("access_token=")) {
      const [page, fragment] = location.split("#");
      const session = new URLSearchParams(fragment);
      session.set("access_token", await tokens.toHosted(session.get("access_token")));
      return withHeader(response, "location", `${page}#${session}`);
    }
    if (!response.ok || !response.headers.get("content-type")?.includes("json")) return response;
    return withJson(response, async (body) => {
      if (!body?.access_token) return undefined;
      return { ...body, access_token: await tokens.toHosted(body.access_token) };
    });
  }

  const bridged = { "POST /signup": signUp, "POST /resend": resend, "POST /verify": verify };

  /** Answer a request below /auth/v1; `headers` are the request's with lite's kind of token. */
  return async function auth(request, context, headers, url) {
    const redirectTo = allowedRedirect(url.searchParams.get("redirect_to"));
    const route = `${request.method} ${url.pathname.slice("/auth/v1".length)}`;
    const answer = bridged[route] ?? forward;
    const response = await mailer.leadingTo(redirectTo, () => answer(request, context, headers, redirectTo));
    return request.method === "OPTIONS" ? response : withHostedTokens(response);
  };
}

/** What the keyless discovery routes answer; null for every other path. */
export function discovery(pathname, tokens) {
  if (pathname === "/auth/v1/.well-known/jwks.json")
    return json(tokens.jwks, 200, { "cache-control": "public, max-age=600" });
  if (pathname === "/auth/v1/.well-known/openid-configuration")
    return json({ issuer: tokens.issuer, jwks_uri: `${tokens.issuer}/.well-known/jwks.json` });
  return null;
}

export async function isSecretKey(key, tokens) {
  return (await tokens.apiKey(key))?.type === "secret";
}
